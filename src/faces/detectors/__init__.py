"""Registry of face detectors: classes by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import UserError
from ...extras import resolve

if TYPE_CHECKING:
    from .base import Detect

DETECTORS = {  # name -> "module:class", imported at first use
    "centerface": ".faces.detectors.centerface:CenterFace",
    "dlib": ".faces.detectors.dlib:Dlib",
    "dlib-cnn": ".faces.detectors.dlib:DlibCnn",
    "mtcnn": ".faces.detectors.mtcnn:Mtcnn",
    "none": ".faces.detectors.base:WholePicture",
}
DEFAULT_DETECTOR = "centerface"


def get_detector(name: str, min_face: int | None = None) -> Detect:
    """A function from a picture, uint8 (H, W, 3), BGR, to its faces.

    name: one of `DETECTORS`.
    min_face: side of the smallest face to detect, in pixels; None for a 16th of the picture's
        longer side. Smaller faces may be detected as well.

    Boxes are squares in dlib's convention, so that crops agree between detectors.
    A detector is not thread-safe. Raises `UserError` if the detector is unknown, its package is
    not installed, or `min_face` is not positive.
    """
    if name not in DETECTORS:
        raise UserError(f"detector: expected {', '.join(DETECTORS)}, received {name!r}")
    if min_face is not None and min_face <= 0:
        raise UserError(f"min_face: expected a positive number of pixels, received {min_face}")
    return resolve(DETECTORS[name])(min_face)
