"""Sources of images: files, cameras, videos."""

from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...faces.detectors.base import SMALLEST_SHARE


class Frame(NamedTuple):
    """An image to detect faces in.

    image: uint8 (H, W, 3), BGR; None if no output shows it.
    shape: its height and width.
    time: seconds since the first frame, for frames of a video.
    """

    name: str
    image: np.ndarray | None
    shape: tuple[int, int]
    time: float | None = None


@dataclass
class Video:
    """Frames in order, named by number.

    frames: a generator of `Frame`, all of one size.
    name: name of an annotated copy, without extension.
    rate: nominal frames per second.
    size: width and height of a frame in (square) pixels.
    live: whether frames are lost unless read in time.
    file: the video file, None for a camera and a stream.
    start: time of the first frame on the file's own clock, in seconds.
    count: number of frames in the file's header, 0 if unknown.
    problem: message about unreadable frames, or "", once `frames` is exhausted.
    """

    frames: Generator[Frame]
    name: str
    rate: float
    size: tuple[int, int]
    live: bool
    file: Path | None = None
    start: float = 0.0
    count: int = 0
    problem: str = field(default="", init=False)

    @property
    def min_face(self) -> int:
        """Default side of the smallest face to detect, in pixels: as for images, but at most 80,
        so that dlib does not enlarge large frames."""
        return min(80, round(max(self.size) * SMALLEST_SHARE))
