"""Percentile bootstrap: how far a figure might be off for want of more faces.

Efron & Tibshirani, "An introduction to the bootstrap", 1993, chapter 13.
"""

from collections.abc import Callable, Iterator

import numpy as np

MASS = 0.95  # of the resamples that an interval holds
_CELLS_AT_ONCE = 2**21  # of weights: 16 MiB

Figure = Callable[[np.ndarray], np.ndarray]  # from weights (B, N) to values (B,), see `metrics`


def with_intervals(
    figures: dict[str, Figure], count: int, seed: int, resamples: int
) -> dict[str, tuple[float, float, float]]:
    """Value, low and high end of each figure's 95 % interval, on `count` faces.

    All figures are taken of the same resamples, which follow from `count`, `seed` and `resamples`
    alone: those of two models on the same faces are paired.
    """
    once = np.ones((1, count))
    drawn = {name: [] for name in figures}
    for weights in _draw(count, seed, resamples):
        for name, figure in figures.items():
            drawn[name].append(figure(weights))
    tail = 50 * (1 - MASS)
    found = {}
    for name, figure in figures.items():
        ends = np.percentile(np.concatenate(drawn[name]), [tail, 100 - tail])
        found[name] = (float(figure(once)[0]), *ends.tolist())
    return found


def _draw(count: int, seed: int, resamples: int) -> Iterator[np.ndarray]:
    """How often each of `count` faces is drawn in each resample, float64 (b, count), in pieces."""
    rng = np.random.default_rng(seed)
    at_once = max(1, _CELLS_AT_ONCE // count)
    for start in range(0, resamples, at_once):
        some = min(at_once, resamples - start)
        faces = rng.integers(count, size=(some, count)) + count * np.arange(some)[:, None]
        drawn = np.bincount(faces.ravel(), minlength=some * count)
        yield drawn.reshape(some, count).astype(np.float64)
