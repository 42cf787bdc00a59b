"""Base of the face detectors: faces, search resolution, box convention."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from ..images import Box

SMALLEST_SHARE = 1 / 16  # of the image's longer side: the default of `min_face`
_MAX_ENLARGEMENT = 4  # further enlargement adds no detail


@dataclass(frozen=True)
class Face:
    """A detected face.

    Its points are float64 (5, 2), x and y in pixels: the eyes, the tip of the nose and the corners
    of the mouth, from left to right in the image.
    """

    box: Box  # in pixels of the image; it may exceed the image's border
    points: np.ndarray | None = None  # None if the detector finds none
    score: float = 1.0  # the detector's confidence, on a scale that depends on the detector
    quality: float = math.nan  # 0..1, see `quality.face_quality`; NaN if it is not measured

    def scaled(self, factor: float) -> Face:
        """The face in the image resized by `factor`; the box is not rounded."""
        points = None if self.points is None else (self.points + 0.5) * factor - 0.5
        return replace(self, box=Box(*np.multiply(self.box, factor).tolist()), points=points)

    def rounded(self) -> Face:
        """The face with a box of whole pixels."""
        return replace(self, box=Box(*map(round, self.box)))


class Detector:
    """Base of the detectors: search resolution and box convention."""

    smallest: int  # side of the smallest face that it detects, in pixels
    resolution = 0  # minimum, of the longer side of the image to search, in pixels
    # dlib's box relative to this detector's box of the same face: its side, and the offset of its
    # centre to the right and down, in sides of the box: medians of benchmarks/detectors.py.
    box_calibration: tuple[float, float, float] = (1.0, 0.0, 0.0)

    def find(self, image: np.ndarray) -> list[Face]:
        """Faces in `image`, uint8 (H, W, 3), RGB, in its pixels; threads may call it at once."""
        raise NotImplementedError

    def scale(self, shape: Sequence[int], min_face: float | None = None) -> float:
        """Factor by which an image of `shape` (H, W, ...) is resized for the search."""
        side = max(shape[:2])
        scale = self.smallest / (min_face or side * SMALLEST_SHARE)
        return min(max(scale, self.resolution / side), _MAX_ENLARGEMENT)

    def __call__(self, image: np.ndarray, min_face: float | None = None) -> list[Face]:
        """Faces of an image, uint8 (H, W, 3), BGR, with boxes in its pixels.

        Boxes are squares in dlib's convention, so that crops agree between detectors.
        min_face: side of the smallest face (default: a 16th of the image's longer side).
        """
        if not image.size:
            return []
        scale = self.scale(image.shape, min_face)
        sides = [round(side * scale) for side in image.shape[1::-1]]
        if min(sides) < self.smallest / 2:  # too small for a face, and dlib's network may crash
            return []
        interpolation = cv2.INTER_LINEAR if scale > 1 else cv2.INTER_AREA
        searched = cv2.resize(image, sides, interpolation=interpolation)
        searched = cv2.cvtColor(searched, cv2.COLOR_BGR2RGB)  # dlib misreads negative strides
        return [self._square(face).scaled(1 / scale).rounded() for face in self.find(searched)]

    def _square(self, face: Face) -> Face:
        left, top, right, bottom = face.box
        calibration = np.multiply(self.box_calibration, (right - left + bottom - top) / 2)
        side, to_right, down = calibration.tolist()
        left, top = (left + right - side) / 2 + to_right, (top + bottom - side) / 2 + down
        return replace(face, box=Box(left, top, left + side, top + side))


class WholeImage(Detector):
    """One face of the size of the image, for images that are face crops."""

    smallest, resolution = 0, math.inf  # images are not reduced

    def __call__(self, image: np.ndarray, min_face: float | None = None) -> list[Face]:
        height, width = image.shape[:2]
        return [Face(Box(0, 0, width, height))] if image.size else []
