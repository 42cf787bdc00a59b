"""dlib's detectors: HOG features, and a convolutional network."""

import numpy as np

from ...extras import library, package_file
from ..images import Box
from .base import Detector, Face


class Dlib(Detector):
    """HOG features (Dalal and Triggs, CVPR 2005) and a linear SVM."""

    smallest = 80

    def __init__(self) -> None:
        super().__init__()
        self._detect = library("dlib", "dlib-bin").get_frontal_face_detector()

    def find(self, image: np.ndarray) -> list[Face]:
        rectangles, scores, _ = self._detect.run(image, 0, 0.0)
        return list(map(_face, rectangles, scores))


class DlibCnn(Detector):
    """A convolutional network: King, "Max-margin object detection",
    https://arxiv.org/abs/1502.00046."""

    smallest = 80  # of 12 faces it found all at 76 pixels, 10 at 70, none at 58
    box_calibration = 1.09, 0.04, 0.06

    def __init__(self) -> None:
        super().__init__()
        package, model = "face_recognition_models", "models/mmod_human_face_detector.dat"
        path = package_file(package, model, f"{package}==0.3.0")
        self._detect = library("dlib", "dlib-bin").cnn_face_detection_model_v1(str(path))

    def find(self, image: np.ndarray) -> list[Face]:
        return [_face(found.rect, found.confidence) for found in self._detect(image, 0)]


def _face(rectangle, score: float) -> Face:
    """The face in a dlib rectangle, which includes its right and bottom pixels."""
    left, top = rectangle.left(), rectangle.top()
    return Face(Box(left, top, rectangle.right() + 1, rectangle.bottom() + 1), score=score)
