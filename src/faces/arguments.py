"""Flags of face detection, shared by scripts."""

from dataclasses import dataclass

from ..flags import flag
from .detectors import DEFAULT_DETECTOR, DETECTORS


@dataclass(frozen=True, kw_only=True)
class DetectorFlags:
    """The detector and its smallest face."""

    detector: str = flag(
        DEFAULT_DETECTOR,
        help="face detector; none: every image is a face crop; dlib-cnn and mtcnn are installed "
        "separately, see docs/detectors.md",
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
