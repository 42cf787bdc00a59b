"""How faces are cut out of a picture: with a margin, or aligned by landmarks."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import cv2
import numpy as np

from src.extras import face_model
from src.faces.detectors import DlibDetector
from src.faces.images import Box, cut_faces, resize

NO_ALIGNMENT, FIVE_POINTS = "none", "five_points"
# Where ArcFace and its like want both eyes, the nose and the corners of the mouth, in a 112x112
# picture: Deng et al., CVPR 2019, https://arxiv.org/abs/1801.07698.
TEMPLATE_SIZE = 112
TEMPLATE = np.array(
    [
        (38.2946, 51.6963),
        (73.5318, 51.5014),
        (56.0252, 71.7366),
        (41.5493, 92.3655),
        (70.7299, 92.2041),
    ]
)
# Why no face is taken from a picture.
NO_FACE, MORE_FACES, SMALL_FACE = FACE_RULES = (
    "no face found",
    "more than one face",
    "face below a tenth of the picture",
)


class FivePoints:
    """Where the eyes, the tip of the nose and the corners of the mouth are in a face.

    dlib's 68 landmarks (Kazemi & Sullivan, CVPR 2014), from the PyPI package
    face_recognition_models. Raises `UserError` where that is not installed.
    """

    def __init__(self):
        import dlib

        self._predict = dlib.shape_predictor(str(find_landmark_model()))

    def __call__(self, image: np.ndarray, box: Box) -> np.ndarray:
        """float64 (5, 2), x and y in pixels of `image`, uint8 (H, W, 3), BGR, from left to right
        as the viewer sees them: two eyes, nose, two corners of the mouth."""
        import dlib

        face = dlib.rectangle(box.left, box.top, box.right - 1, box.bottom - 1)
        shape = self._predict(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), face)
        points = np.array([(point.x, point.y) for point in shape.parts()], np.float64)
        eyes = points[36:42].mean(axis=0), points[42:48].mean(axis=0)
        return np.stack([*eyes, points[30], points[48], points[54]])


def find_landmark_model() -> Path:
    """The landmark model's file. Raises `UserError` where it is not installed."""
    return face_model("shape_predictor_68_face_landmarks.dat")


def align(image: np.ndarray, points: np.ndarray, size: int) -> np.ndarray:
    """The face warped so that its five points, (5, 2), lie on the template's: (size, size, 3).

    The similarity (turn, scale, shift) is the least-squares one: Umeyama, PAMI 1991.
    """
    # In the plane of complex numbers a similarity is z -> a z + b.
    source, target = (p @ (1, 1j) for p in (points, TEMPLATE * (size / TEMPLATE_SIZE)))
    centred = source - source.mean()
    a = np.vdot(centred, target - target.mean()) / np.vdot(centred, centred)
    b = target.mean() - a * source.mean()
    matrix = np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])
    return cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR)


class FaceError(Exception):
    """Why no face is taken from a picture: one of `FACE_RULES`."""


@dataclass(frozen=True)
class Cut:
    """How the face of a picture is cut out of it.

    detect: cut the largest face out with `margin`; else the picture is a face crop already.
    one_face: refuse pictures without exactly one face, of a tenth of the picture's side or more.
    align: warp the largest face by its five points; `margin` then counts for nothing.
    """

    detect: bool = False
    one_face: bool = False
    align: bool = False
    margin: float = 0.4

    @property
    def finds_faces(self) -> bool:
        return self.detect or self.one_face or self.align

    @property
    def name(self) -> str:
        """The alignment, as databases and checkpoints name it."""
        return FIVE_POINTS if self.align else NO_ALIGNMENT


@lru_cache
def get_cutter(cut: Cut, size: int) -> Callable[[np.ndarray], np.ndarray]:
    """A function from a picture to its face (size, size, 3), which may raise `FaceError`."""
    if not cut.finds_faces:
        return partial(resize, size=size)
    detect = DlibDetector()
    cut_boxes = get_box_cutter(cut.name, cut.margin, size)

    def cut_face(image: np.ndarray) -> np.ndarray:
        box = _choose(detect(image), cut.one_face, image.shape)
        if cut.align or cut.detect:
            return cut_boxes(image, [box])[0]
        return resize(image, size)

    return cut_face


def get_box_cutter(
    alignment: str, margin: float, size: int
) -> Callable[[np.ndarray, list[Box]], np.ndarray]:
    """A function from a picture and boxes in it to faces, uint8 (N, size, size, 3), BGR."""
    if alignment == NO_ALIGNMENT:
        return partial(cut_faces, margin=margin, size=size)
    find_points = FivePoints()

    def align_boxes(image: np.ndarray, boxes: list[Box]) -> np.ndarray:
        faces = [align(image, find_points(image, box), size) for box in boxes]
        return np.stack(faces) if faces else np.empty((0, size, size, 3), np.uint8)

    return align_boxes


def _choose(boxes: list[Box], one_face: bool, shape: tuple[int, ...]) -> Box:
    """The largest face; or the only one, where that is asked for."""
    if not boxes:
        raise FaceError(NO_FACE)
    box = max(boxes, key=lambda box: box.right - box.left)
    if one_face and len(boxes) > 1:
        raise FaceError(MORE_FACES)
    share = min((box.right - box.left) / shape[1], (box.bottom - box.top) / shape[0])
    if one_face and share < 0.1:
        raise FaceError(SMALL_FACE)
    return box
