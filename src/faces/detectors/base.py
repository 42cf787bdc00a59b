"""Base of the face detectors: faces, search resolution, box convention."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np

from ..images import Box

# Default of `min_face`: this share of the picture's longer side.
SMALLEST_SHARE = 1 / 16
_MAX_ENLARGEMENT = 4  # further enlargement adds no detail


@dataclass(frozen=True)
class Face:
    """A detected face.

    box: in pixels of the picture; it may exceed the picture's border.
    points: float64 (5, 2), x and y in pixels: the eyes, the tip of the nose and the corners of the
        mouth, from left to right in the picture; None if the detector finds none.
    score: the detector's confidence, on a scale that depends on the detector.
    """

    box: Box
    points: np.ndarray | None = None
    score: float = 1.0

    def scaled(self, factor: float) -> Face:
        """The face in the picture resized by `factor`; the box is not rounded."""
        points = None if self.points is None else (self.points + 0.5) * factor - 0.5
        return Face(Box(*np.multiply(self.box, factor).tolist()), points, self.score)


Detect = Callable[[np.ndarray], list[Face]]


class Detector:
    """Base of the detectors: search resolution and box convention."""

    smallest: int  # side of the smallest face that it detects, in pixels
    resolution = 0  # minimum, of the longer side of the picture to search, in pixels
    # dlib's box relative to this detector's box of the same face: its side, and the offset of its
    # centre to the right and down, in sides of the box (mean of both). Medians over faces that both
    # detect in photos of groups and portraits: see benchmarks/detectors.py.
    frame: tuple[float, float, float] = (1.0, 0.0, 0.0)

    def __init__(self, min_face: int | None = None):
        self._min_face = min_face

    def find(self, image: np.ndarray) -> list[Face]:
        """Faces in `image`, uint8 (H, W, 3), RGB, in its pixels."""
        raise NotImplementedError

    def __call__(self, image: np.ndarray) -> list[Face]:
        if not image.size:
            return []
        min_face = self._min_face or max(image.shape[:2]) * SMALLEST_SHARE
        scale = max(self.smallest / min_face, self.resolution / max(image.shape[:2]))
        scale = min(scale, _MAX_ENLARGEMENT)
        sides = [round(side * scale) for side in image.shape[1::-1]]
        if min(sides) < self.smallest / 2:  # too small for a face, and dlib's network may crash
            return []
        interpolation = cv2.INTER_LINEAR if scale > 1 else cv2.INTER_AREA
        searched = cv2.resize(image, sides, interpolation=interpolation)
        # cvtColor, because dlib misreads the negative strides of image[:, :, ::-1].
        found = self.find(cv2.cvtColor(searched, cv2.COLOR_BGR2RGB))
        faces = (self._square(face).scaled(1 / scale) for face in found)
        return [replace(face, box=Box(*map(round, face.box))) for face in faces]

    def _square(self, face: Face) -> Face:
        """The face with a square box in dlib's convention."""
        left, top, right, bottom = face.box
        side, to_right, down = np.multiply(self.frame, (right - left + bottom - top) / 2)
        x, y = (left + right) / 2 + to_right, (top + bottom) / 2 + down
        box = Box(x - side / 2, y - side / 2, x + side / 2, y + side / 2)
        return replace(face, box=box)


class WholePicture(Detector):
    """One face of the size of the picture, for pictures that are face crops."""

    def __call__(self, image: np.ndarray) -> list[Face]:
        height, width = image.shape[:2]
        return [Face(Box(0, 0, width, height))] if image.size else []
