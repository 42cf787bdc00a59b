"""Registry of face detectors: classes by name, and their flags."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from ...errors import UserError
from ...extras import resolve
from ...flags import flag

if TYPE_CHECKING:
    from .base import Detector

DETECTORS = {  # name -> "module:class", imported at first use
    "centerface": ".faces.detectors.centerface:CenterFace",
    "dlib": ".faces.detectors.dlib:Dlib",
    "mtcnn": ".faces.detectors.mtcnn:Mtcnn",
    "none": ".faces.detectors.base:WholeImage",
}
DEFAULT_DETECTOR = "centerface"


@dataclass(frozen=True, kw_only=True)
class DetectorFlags:
    """The detector and its smallest face, shared by scripts."""

    detector: str = flag(
        DEFAULT_DETECTOR,
        help="face detector; none: every image is a face crop; mtcnn is installed separately, see "
        "docs/detectors.md",
        group="face detection",
        choices=tuple(DETECTORS),
    )
    min_face: int | None = flag(
        None,
        help="minimum side of a face to detect; larger is faster "
        "(default: a 16th of the image's longer side)",
        limits="[1, inf)",
        metavar="PIXELS",
    )


@lru_cache
def get_detector(name: str) -> Detector:
    """A face detector, loaded once per process; threads may share it.

    >>> faces = get_detector("centerface")(image, min_face=40)

    Raises `UserError` if the name is not in `DETECTORS`, or if its package is not installed.
    """
    if name not in DETECTORS:
        raise UserError(f"detector: expected {', '.join(DETECTORS)}, received {name!r}")
    return resolve(DETECTORS[name])()
