"""Sources of images: files, cameras, videos."""

from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np


class Frame(NamedTuple):
    """An image to detect faces in."""

    name: str
    image: np.ndarray | None  # uint8 (H, W, 3), BGR; None if no output shows it
    shape: tuple[int, int]  # its height and width
    time: float | None = None  # in a video, seconds since the first frame


@dataclass
class Video:
    """Frames in order, named by number, all of one size."""

    frames: Generator[Frame]
    name: str  # of an annotated copy, without extension
    rate: float  # nominal frames per second
    size: tuple[int, int]  # width and height of a frame in (square) pixels
    live: bool  # whether frames are lost unless read in time
    file: Path | None = None  # None for a camera and a stream
    start: float = 0.0  # time of the first frame on the file's own clock, in seconds
    count: int = 0  # number of frames in the file's header, 0 if unknown
    problem: str = field(default="", init=False)  # why `frames` ended early, once it has
