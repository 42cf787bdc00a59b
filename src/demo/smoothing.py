"""Smoothing of predictions along tracks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

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
    frames: int = 1


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
        self._means = {i: self._means[i] for i in track_ids if i in self._means}
        due = [i for i, track_id in enumerate(track_ids) if self._is_due(track_id, time)]
        if due:
            new = estimate(due)
            values = np.column_stack([new.p_female, new.age_distribution])
            for i, value in zip(due, values, strict=True):
                self._add(track_ids[i], time, value)
        means = np.array([self._means[i].values for i in track_ids]).reshape(-1, 102)
        return Estimates.of(means[:, 0], means[:, 1:])

    def _is_due(self, track_id: int, time: float) -> bool:
        mean = self._means.get(track_id)
        if mean is None:
            return True
        mean.frames += 1
        return self._frames == 1 or time - mean.time >= MAX_AGE - 0.005

    def _add(self, track_id: int, time: float, value: np.ndarray) -> None:
        mean = self._means.setdefault(track_id, _Mean(np.zeros_like(value), time))
        mean.count += 1
        weight = max(1 / mean.count, min(mean.frames / self._frames, 1))
        mean.values = mean.values + weight * (value - mean.values)
        mean.time, mean.frames = time, 0
