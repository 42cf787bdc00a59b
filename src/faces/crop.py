"""Face crops: size, margin, and alignment by five points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import DEFAULT_MARGINS, NO_ALIGNMENT
from .detectors.base import Face
from .images import crop_with_margin, resize, warp

# Eyes, tip of the nose and corners of the mouth in a square of side 1, without a margin.
# "five_points" is ArcFace's template (Deng et al., CVPR 2019, https://arxiv.org/abs/1801.07698).
# "face_chip" is that of `dlib.get_face_chip`, which calls the margin padding: medians of
# CenterFace's points on 116 face chips of UTKFace and All-Age-Faces.
_ARCFACE_X = 38.2946, 73.5318, 56.0252, 41.5493, 70.7299
_ARCFACE_Y = 51.6963, 51.5014, 71.7366, 92.3655, 92.2041
_DLIB_X, _DLIB_Y = (0.2314, 0.7686, 0.5, 0.2756, 0.7244), (0.2367, 0.2367, 0.5139, 0.743, 0.743)
TEMPLATES = {
    "five_points": np.stack([_ARCFACE_X, _ARCFACE_Y], axis=1) / 112,
    "face_chip": np.stack([_DLIB_X, _DLIB_Y], axis=1),
}
_SHRINKING = 0.25  # scale at which `warp` averages at least two pixels by two


@dataclass(frozen=True)
class FaceCrop:
    """Parameters of face crops.

    The margin is around the face box, or around the alignment's template, a fraction of its side;
    None if unknown.
    """

    size: int  # side of the square crop, in pixels
    margin: float | None = DEFAULT_MARGINS[NO_ALIGNMENT]
    alignment: str = NO_ALIGNMENT  # one of `faces.DEFAULT_MARGINS`

    @property
    def is_aligned(self) -> bool:
        return self.alignment != NO_ALIGNMENT

    @property
    def template(self) -> np.ndarray:
        """The five points of an aligned crop, x and y in its pixels, float64 (5, 2)."""
        return (TEMPLATES[self.alignment] + self.margin) / (1 + 2 * self.margin) * self.size

    def crop(self, image: np.ndarray, face: Face) -> np.ndarray:
        """The face in `image`, uint8 (H, W, 3), BGR, as uint8 (size, size, 3).

        An aligned crop needs the face's points, see `finder.FaceFinder`, and repeats the border of
        the image outside it.
        """
        if self.is_aligned:
            return warp(image, _similarity(face.points, self.template), self.size)
        return resize(crop_with_margin(image, face.box, self.margin), self.size)

    def shrinks(self, face: Face) -> bool:
        """Whether pixels are averaged for an aligned crop, so that means of them give the same."""
        if face.points is None:
            return False
        return np.hypot(*_similarity(face.points, self.template)[0, :2]) <= _SHRINKING

    def stack(self, image: np.ndarray, faces: list[Face]) -> np.ndarray:
        """The crops of all faces, uint8 (N, size, size, 3)."""
        crops = np.array([self.crop(image, face) for face in faces], np.uint8)
        return crops.reshape(-1, self.size, self.size, 3)

    def __str__(self) -> str:
        margin = "unknown" if self.margin is None else f"{self.margin:g}"
        return f"{self.size} pixels, margin {margin}, alignment {self.alignment}"


def _similarity(points: np.ndarray, template: np.ndarray) -> np.ndarray:
    """The least-squares similarity transform, float64 (2, 3): Umeyama, PAMI 1991."""
    # In complex numbers it is z -> a z + b.
    source, target = points @ (1, 1j), template @ (1, 1j)
    centred = source - source.mean()
    a = np.vdot(centred, target - target.mean()) / np.vdot(centred, centred)
    b = target.mean() - a * source.mean()
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])
