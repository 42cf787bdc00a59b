"""Sources of images: files, cameras, videos."""

from typing import NamedTuple

import numpy as np


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
