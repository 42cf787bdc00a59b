"""Faces of one image and their estimates."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from ..estimation.estimator import Estimates
from ..faces.images import Box
from .overlay import annotate
from .sources import Frame
from .wording import Wording, wording


@dataclass
class Result:
    """An image, the boxes of its faces and their estimates, in the same order.

    Faces of an image are numbered from 1, from left to right; those of a video by their tracks.
    quality: float (N,), 0..1.
    crops: uint8 (N, S, S, 3), BGR, the crops for the network; None for a video without --crops.
    tracks: in video, the ID of each face's track.
    skipped: number of faces that are not shown; in video, up to this frame.
    anonymize: blur the faces in `annotated`.  shown: "age", "gender" or "both".
    restored: read from the records of an earlier run; without an image and crops.
    """

    frame: Frame
    boxes: list[Box]
    estimates: Estimates
    quality: np.ndarray
    crops: np.ndarray | None = None
    tracks: list[int] | None = None
    skipped: int = 0
    anonymize: bool = False
    shown: str = "both"
    restored: bool = False
    words: list[Wording] = field(init=False)

    def __post_init__(self) -> None:
        self.words = [wording(self.estimates, i, self.shown) for i in range(len(self.boxes))]

    @property
    def numbers(self) -> list[int]:
        """The numbers of the faces in all outputs: from 1, or their tracks."""
        return list(range(1, len(self.boxes) + 1)) if self.tracks is None else self.tracks

    @cached_property
    def annotated(self) -> np.ndarray:
        """The image with boxes and labels, with numbers if there are several faces, uint8 BGR."""
        is_alone = self.tracks is None and len(self.boxes) == 1
        numbers = None if is_alone else self.numbers
        return annotate(
            self.frame.image, self.boxes, self.estimates, self.anonymize, numbers, self.shown
        )


Sink = Callable[[Result], bool | None]  # receives every result; False ends the demo
