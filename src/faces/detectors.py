"""Where the faces are in a picture: one function from a picture to boxes, whoever finds them."""

from collections.abc import Callable, Iterable

import cv2
import numpy as np

from src.extras import face_model, library
from src.faces.images import Box

DETECTORS = ("dlib", "dlib-cnn", "mtcnn", "none")

Detect = Callable[[np.ndarray], list[Box]]

# Unless told otherwise, faces are found from this share of the picture's longer side up, as in the
# original toolkit: it shrank pictures to 640 pixels and let dlib, which finds faces of 80, double
# them. Enlarging more than 4 times would show a face no more.
SMALLEST_SHARE = 1 / 16
MOST_ENLARGED = 4

Edges = tuple[float, float, float, float]  # left, top, right, bottom


def get_detector(name: str = "dlib", min_face: int | None = None) -> Detect:
    """A function from a picture, uint8 (H, W, 3), BGR, to the boxes of its faces.

    name: one of `DETECTORS`. Their boxes are made alike, so that a model sees the same crop.
    min_face: side in pixels of the smallest box wanted; a 16th of the picture's longer side if
    None. The larger, the faster. A face a little smaller may still be found.

    Boxes are in the picture's own pixels, and may reach past its border. A detector must not be
    called by two threads at a time. Raises `UserError` where the detector's package is not
    installed.
    """
    return _MAKERS[name](min_face)


class _Detector:
    """What the detectors share: the size a picture is searched at, and the form of their boxes."""

    smallest: int  # side in pixels of the smallest face that it finds
    # How dlib's square lies on this detector's box of the same face: its side, and how far its
    # centre is to the right and down, in sides of the box (the mean of both). Medians of 73 faces,
    # on photos of groups and portraits; benchmarks/detectors.py shows what is still amiss.
    frame: tuple[float, float, float] | None = None

    def __init__(self, min_face: int | None = None):
        self._min_face = min_face

    def _find(self, image: np.ndarray) -> Iterable[Edges]:
        """Boxes of the faces in `image`, uint8 (H, W, 3), RGB, in its pixels."""
        raise NotImplementedError

    def __call__(self, image: np.ndarray) -> list[Box]:
        if not image.size:
            return []
        wanted = self._min_face or max(image.shape[:2]) * SMALLEST_SHARE
        scale = min(self.smallest / wanted, MOST_ENLARGED)
        sides = [round(side * scale) for side in image.shape[1::-1]]
        if min(sides) < self.smallest / 2:  # no face fits in, and dlib's network may crash
            return []
        how = cv2.INTER_LINEAR if scale > 1 else cv2.INTER_AREA
        searched = cv2.resize(image, sides, interpolation=how)
        # cvtColor, as dlib misreads the negative strides of image[:, :, ::-1].
        found = self._find(cv2.cvtColor(searched, cv2.COLOR_BGR2RGB))
        framed = (_square(edges, self.frame) if self.frame else edges for edges in found)
        return [Box(*(round(edge / scale) for edge in edges)) for edges in framed]


class DlibDetector(_Detector):
    """dlib's frontal face detector: HOG features (Dalal and Triggs, CVPR 2005) and a linear SVM."""

    smallest = 80

    def __init__(self, min_face: int | None = None):
        super().__init__(min_face)
        import dlib

        self._detect = dlib.get_frontal_face_detector()

    def _find(self, image: np.ndarray) -> Iterable[Edges]:
        return [_edges(face) for face in self._detect(image, 0)]


class DlibCnnDetector(_Detector):
    """dlib's convolutional detector: King, Max-Margin Object Detection,
    https://arxiv.org/abs/1502.00046, on features of a network."""

    smallest = 80  # of 12 faces it found all at 76 pixels, 10 at 70, none at 58
    frame = 1.09, 0.04, 0.06

    def __init__(self, min_face: int | None = None):
        super().__init__(min_face)
        import dlib

        model = face_model("mmod_human_face_detector.dat")
        self._detect = dlib.cnn_face_detection_model_v1(str(model))

    def _find(self, image: np.ndarray) -> Iterable[Edges]:
        return [_edges(face.rect) for face in self._detect(image, 0)]


class MtcnnDetector(_Detector):
    """Three networks in a row: Zhang et al., SPL 2016, https://arxiv.org/abs/1604.02878."""

    smallest = 20  # the package's min_face_size, which it is left at
    frame = 0.99, 0.01, 0.07

    def __init__(self, min_face: int | None = None):
        super().__init__(min_face)
        mtcnn, stages, weights = (
            library(name, "mtcnn==1.0.0")
            for name in ("mtcnn", "mtcnn.stages", "mtcnn.assets.weights")
        )
        folder = weights.__path__[0]
        # By their paths: by its names alone it would take such a file of the current folder first,
        # and unpickle it.
        self._model = mtcnn.MTCNN(
            [
                getattr(stages, f"Stage{letter}Net")(weights=f"{folder}/{letter.lower()}net.lz4")
                for letter in "PRO"
            ]
        )

    def _find(self, image: np.ndarray) -> Iterable[Edges]:
        found = self._model.detect_faces(
            image, fit_to_image=False, box_format="xyxy", output_type="numpy"
        )
        return [tuple(face[1:5]) for face in found]


def _square(edges: Edges, frame: tuple[float, float, float]) -> Edges:
    """The square that lies on a box as `_Detector.frame` says."""
    left, top, right, bottom = edges
    side, to_right, down = np.multiply(frame, (right - left + bottom - top) / 2)
    x, y = (left + right) / 2 + to_right, (top + bottom) / 2 + down
    return x - side / 2, y - side / 2, x + side / 2, y + side / 2


def _edges(face) -> Edges:
    """Those of a dlib rectangle, whose right and bottom are inside."""
    return face.left(), face.top(), face.right() + 1, face.bottom() + 1


def whole_picture(image: np.ndarray) -> list[Box]:
    """One box, as large as the picture: for pictures that are face crops already."""
    height, width = image.shape[:2]
    return [Box(0, 0, width, height)] if image.size else []


_MAKERS: dict[str, Callable[[int | None], Detect]] = {
    "dlib": DlibDetector,
    "dlib-cnn": DlibCnnDetector,
    "mtcnn": MtcnnDetector,
    "none": lambda min_face: whole_picture,
}
