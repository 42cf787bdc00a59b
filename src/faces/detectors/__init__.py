"""Registry of face detectors: classes by name."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from ...errors import UserError
from ...extras import resolve

if TYPE_CHECKING:
    from .base import Detector

DETECTORS = {  # name -> "module:class", imported at first use
    "centerface": ".faces.detectors.centerface:CenterFace",
    "dlib": ".faces.detectors.dlib:Dlib",
    "dlib-cnn": ".faces.detectors.dlib:DlibCnn",
    "mtcnn": ".faces.detectors.mtcnn:Mtcnn",
    "none": ".faces.detectors.base:WholeImage",
}
DEFAULT_DETECTOR = "centerface"


@lru_cache
def get_detector(name: str) -> Detector:
    """A face detector, loaded once per process; threads may share it.

    >>> faces = get_detector("centerface")(image, min_face=40)

    See `Detector.__call__`.
    Raises `UserError` if the name is not in `DETECTORS`, or if its package is not installed.
    """
    if name not in DETECTORS:
        raise UserError(f"detector: expected {', '.join(DETECTORS)}, received {name!r}")
    return resolve(DETECTORS[name])()
