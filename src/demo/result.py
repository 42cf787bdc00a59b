"""Faces of one picture and their estimates."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..estimation.estimator import Estimates
from ..faces.images import Box
from .overlay import annotate
from .sources import Picture


@dataclass
class Result:
    """A picture, the boxes of its faces and their estimates, in the same order.

    faces: uint8 (N, S, S, 3), BGR, the crops for the network.
    tracks: in video, the number of each face's track.
    anonymize: blur the faces in `annotated`.
    restored: read from the records of an earlier run; its picture's `image` and `faces` are empty.
    """

    picture: Picture
    boxes: list[Box]
    estimates: Estimates
    faces: np.ndarray
    tracks: list[int] | None = None
    anonymize: bool = False
    restored: bool = False

    @cached_property
    def annotated(self) -> np.ndarray:
        return annotate(self.picture.image, self.boxes, self.estimates, self.anonymize, self.tracks)


Sink = Callable[[Result], bool | None]  # receives every result; False ends the demo
