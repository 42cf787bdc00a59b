"""Percentile bootstrap confidence intervals.

Efron & Tibshirani, "An introduction to the bootstrap", 1993, chapter 13.
"""

from collections.abc import Callable, Iterator

import numpy as np

MASS = 0.95  # share of the resamples within an interval
_MAX_CELLS = 2**21  # weights at a time: 16 MiB

Function = Callable[[np.ndarray], np.ndarray]  # from weights (B, N) to values (B,), see `metrics`


def with_intervals(
    functions: dict[str, Function], count: int, seed: int, resamples: int
) -> dict[str, tuple[float, float, float]]:
    """Value, lower and upper end of the 95 % interval of each function, for `count` faces.

    All functions share the resamples, which depend on `count`, `seed` and `resamples` alone, so
    that models are compared on paired resamples.
    """
    once = np.ones((1, count))
    drawn = {name: [] for name in functions}
    for weights in _draw(count, seed, resamples):
        for name, function in functions.items():
            drawn[name].append(function(weights))
    tail = 50 * (1 - MASS)
    found = {}
    for name, function in functions.items():
        ends = np.percentile(np.concatenate(drawn[name]), [tail, 100 - tail])
        found[name] = (float(function(once)[0]), *ends.tolist())
    return found


def _draw(count: int, seed: int, resamples: int) -> Iterator[np.ndarray]:
    """Number of draws of each of `count` faces per resample, float64 (b, count), in batches."""
    rng = np.random.default_rng(seed)
    batch = max(1, _MAX_CELLS // count)
    for start in range(0, resamples, batch):
        size = min(batch, resamples - start)
        faces = rng.integers(count, size=(size, count)) + count * np.arange(size)[:, None]
        drawn = np.bincount(faces.ravel(), minlength=size * count)
        yield drawn.reshape(size, count).astype(np.float64)
