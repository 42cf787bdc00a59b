"""dlib's detector of the original toolkit."""

from threading import local

import numpy as np

from ...extras import library
from ..images import Box
from .base import Detector, Face


class Dlib(Detector):
    """HOG features (Dalal and Triggs, CVPR 2005) and a linear SVM."""

    smallest = 80

    def __init__(self) -> None:
        self._dlib, self._own = library("dlib", "dlib-bin"), local()

    def find(self, image: np.ndarray) -> list[Face]:
        if not hasattr(self._own, "detector"):  # it keeps a state: one per thread
            self._own.detector = self._dlib.get_frontal_face_detector()
        boxes, scores, _ = self._own.detector.run(image, 0, 0.0)
        return [  # dlib's rectangles include their right and bottom pixels
            Face(Box(box.left(), box.top(), box.right() + 1, box.bottom() + 1), score=score)
            for box, score in zip(boxes, scores, strict=True)
        ]
