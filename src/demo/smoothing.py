"""Smoothing of predictions along tracks."""

import numpy as np

from ..estimation.estimator import Estimates


class Smoother:
    """Averages the distributions of age and gender along each track.

    The mean over a track's first `frames` frames, then an exponential moving average with weight
    1 / `frames` for each new frame.
    """

    def __init__(self, frames: int):
        self._frames = frames
        self._means: dict[int, tuple[np.ndarray, int]] = {}  # of tracks in the last frame

    def __call__(self, numbers: list[int], estimates: Estimates) -> Estimates:
        """Smooth the estimates of a frame's faces, which belong to the tracks `numbers`."""
        new = np.column_stack([estimates.p_female, estimates.age_distribution])
        self._means = {
            number: self._mean(number, values) for number, values in zip(numbers, new, strict=True)
        }
        means = np.array([mean for mean, _ in self._means.values()]).reshape(-1, new.shape[1])
        return Estimates.of(means[:, 0], means[:, 1:])

    def _mean(self, number: int, values: np.ndarray) -> tuple[np.ndarray, int]:
        mean, count = self._means.get(number, (np.zeros_like(values), 0))
        count = min(count + 1, self._frames)
        return mean + (values - mean) / count, count
