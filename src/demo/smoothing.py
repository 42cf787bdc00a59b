"""Smoothing of predictions along tracks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..estimation.estimator import Estimates

MAX_AGE = 0.1  # seconds that an estimate is used for


@dataclass
class _Mean:
    """Running mean of a track's distributions, (102,), of `count` estimates, the last one at
    `time`, `frames` frames ago."""

    values: np.ndarray
    time: float
    count: int = 0
    frames: int = 0

    def add(self, values: np.ndarray, time: float, limit: int) -> None:
        self.count += 1
        weight = max(1 / self.count, min(self.frames / limit, 1))
        self.values = self.values + weight * (values - self.values)
        self.time, self.frames = time, 0


class Smoother:
    """Averages the distributions of age and gender along each track.

    The mean over a track's first `frames` frames, then an exponential moving average with weight
    1 / `frames` for each new frame. A face is estimated again after `MAX_AGE`, for all frames since
    the last estimate; in every frame if `frames` is 1.
    """

    def __init__(self, frames: int):
        self._frames = frames
        self._means: dict[int, _Mean] = {}  # of tracks in the last frame

    def __call__(
        self, track_ids: Sequence[int], time: float, estimate: Callable[[list[int]], Estimates]
    ) -> Estimates:
        """The smoothed estimates of a frame's faces.

        track_ids: of the faces, (N,).  time: of the frame, in seconds.
        estimate: estimates the faces with the given indices.
        """
        new = _Mean(np.zeros(102), -np.inf)
        self._means = {i: self._means.get(i) or replace(new) for i in track_ids}
        means = list(self._means.values())
        for mean in means:
            mean.frames += 1
        max_age = 0.0 if self._frames == 1 else MAX_AGE - 0.005
        due = [i for i, mean in enumerate(means) if time - mean.time >= max_age]
        if due:
            fresh = estimate(due)
            values = np.column_stack([fresh.p_female, fresh.age_distribution])
            for i, value in zip(due, values, strict=True):
                means[i].add(value, time, self._frames)
        smoothed = np.array([mean.values for mean in means], np.float32).reshape(-1, 102)
        return Estimates.of(smoothed[:, 0], smoothed[:, 1:])
