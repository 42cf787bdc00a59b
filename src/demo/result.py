"""What the demo found in a picture and said of it."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from src.demo.overlay import annotate
from src.demo.sources import Picture
from src.estimation.estimator import Estimates
from src.faces.images import Box


@dataclass
class Result:
    """A picture, the boxes of its faces and what was estimated of them, in the same order.

    tracks: in video, the number of each face's track.
    """

    picture: Picture
    boxes: list[Box]
    estimates: Estimates
    tracks: list[int] | None = None

    @cached_property
    def annotated(self) -> np.ndarray:
        return annotate(self.picture.image, self.boxes, self.estimates)
