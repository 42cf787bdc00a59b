"""Face crops: size, margin and alignment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import DEFAULT_MARGINS, NO_ALIGNMENT
from .alignment import align, template_transform
from .detectors.base import Face
from .images import crop_with_margin, resize

_SHRINKING = 0.25  # scale at which `align` averages at least two pixels by two


@dataclass(frozen=True)
class FaceCrop:
    """Parameters of face crops.

    size: side of the square crop, in pixels.
    margin: around the face box, or around the alignment's template, as a fraction of its side; None
        if unknown.
    alignment: one of `faces.DEFAULT_MARGINS`.
    """

    size: int
    margin: float | None = DEFAULT_MARGINS[NO_ALIGNMENT]
    alignment: str = NO_ALIGNMENT

    @property
    def is_aligned(self) -> bool:
        return self.alignment != NO_ALIGNMENT

    def crop(self, image: np.ndarray, face: Face) -> np.ndarray:
        """The face in `image`, uint8 (H, W, 3), BGR, as uint8 (size, size, 3).

        An aligned crop needs the face's points, see `finder.FaceFinder`.
        """
        if self.is_aligned:
            return align(image, face.points, self.alignment, self.margin, self.size)
        return resize(crop_with_margin(image, face.box, self.margin), self.size)

    def shrinks(self, face: Face) -> bool:
        """Whether pixels are averaged for the crop of a face, so that means of them give the same.

        Crops that are not aligned skip pixels, as in the original toolkit.
        """
        if not self.is_aligned or face.points is None:
            return False
        matrix = template_transform(face.points, self.alignment, self.margin, self.size)
        return float(np.hypot(*matrix[0, :2])) <= _SHRINKING

    def stack(self, image: np.ndarray, faces: list[Face]) -> np.ndarray:
        """The crops of all faces, uint8 (N, size, size, 3)."""
        crops = np.empty((len(faces), self.size, self.size, 3), np.uint8)
        for crop, face in zip(crops, faces, strict=True):
            crop[:] = self.crop(image, face)
        return crops

    def __str__(self) -> str:
        margin = "unknown" if self.margin is None else f"{self.margin:g}"
        return f"{self.size} pixels, margin {margin}, alignment {self.alignment}"
