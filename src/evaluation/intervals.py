"""Confidence intervals: bootstrap over persons, Wilson's for extreme shares, Holm's correction.

Efron & Tibshirani, "An introduction to the bootstrap", 1993, chapters 8, 10 and 13.
"""

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
from scipy.special import ndtr

from .metrics import Share

MASS = 0.95  # confidence of an interval
_Z = 1.959964  # its normal quantile
EXTREME = 10  # hits or misses: with fewer, percentiles of a share are too narrow
_MAX_CELLS = 2**21  # weights at a time: 16 MiB

Function = Callable[[np.ndarray], np.ndarray]  # from weights (B, N) to values (B,), see `metrics`
Interval = tuple[float, float, float]


def with_intervals(
    functions: dict[str, Function], units: np.ndarray, seed: int, resamples: int
) -> dict[str, Interval]:
    """Value, lower and upper end of the 95 % interval of each function.

    units: int64 (N,), the unit that each face is drawn with: its person, or the face itself.
    Percentiles of the resampled values, less the bootstrap's estimate of their bias if it is clear:
    otherwise a calibration error, which grows by resampling, is below its own interval. The ends
    are NaN for a single unit. All functions share the resamples, which depend on the number of
    units, `seed` and `resamples` alone, so that models are compared on paired resamples.
    """
    _, units = np.unique(units, return_inverse=True)
    count = int(units.max()) + 1
    batches = _draw(units, count, seed, resamples if count > 1 else 0)
    drawn = [np.stack([each(weights) for each in functions.values()]) for weights in batches]
    drawn = np.concatenate([np.empty((len(functions), 0)), *drawn], axis=1)
    found = {}
    for (name, function), values in zip(functions.items(), drawn, strict=True):
        value = float(function(np.ones((1, len(units))))[0])
        found[name] = (value, *_percentiles(value, values[np.isfinite(values)]))
    return found


def _percentiles(value: float, resampled: np.ndarray) -> tuple[float, float]:
    if not len(resampled):
        return np.nan, np.nan
    tail = 50 * (1 - MASS)
    bias, noise = resampled.mean() - value, resampled.std() / np.sqrt(len(resampled))
    ends = np.percentile(resampled, [tail, 100 - tail])
    low, high = ends - bias if abs(bias) > 4 * noise else ends
    return float(min(low, value)), float(max(high, value))


def _draw(units: np.ndarray, count: int, seed: int, resamples: int) -> Iterator[np.ndarray]:
    """Number of draws of each face per resample, float64 (b, N), in batches."""
    rng = np.random.default_rng(seed)
    batch = max(1, _MAX_CELLS // max(count, len(units)))
    for start in range(0, resamples, batch):
        size = min(batch, resamples - start)
        chosen = rng.integers(count, size=(size, count)) + count * np.arange(size)[:, None]
        drawn = np.bincount(chosen.ravel(), minlength=size * count).reshape(size, count)
        yield drawn[:, units].astype(np.float64)


def share_interval(
    share: Share,
    inputs: list[list[np.ndarray]],
    units: np.ndarray,
    bootstrap: tuple[float, float],
) -> tuple[float, float]:
    """The interval of a share: `bootstrap`, or Wilson's if a stratum has few hits or misses.

    Wilson's has a width where all faces are hits. The number of trials of a stratum is its number
    of units: photos of one person may agree. Strata are joined as by Zou & Donner, "Construction of
    confidence limits about effect measures", Statistics in Medicine 2008; so are, of two models,
    the share of faces that only the first hits and that of faces that only the second hits.

    inputs: measures of one model, or of two models, whose shares are subtracted.
    """
    hits, strata = share.strata(*inputs[0])
    terms = [(1, hits)]
    if len(inputs) > 1:
        others, _ = share.strata(*inputs[1])
        terms = [(1, hits > others), (-1, others > hits)]
    found = [
        (sign, own[each].mean(), len(np.unique(units[each])))
        for sign, own in terms
        for each in strata
    ]
    if all(min(p, 1 - p) * trials >= EXTREME for _, p, trials in found):
        return bootstrap
    signed = [np.multiply(sign, (p, *wilson(p, trials)[::sign])) for sign, p, trials in found]
    shares, lows, highs = np.array(signed).T
    middle = shares.sum() / len(strata)
    below, above = (np.linalg.norm(shares - ends) / len(strata) for ends in (lows, highs))
    return float(middle - below), float(middle + above)


def wilson(share: float, trials: float) -> tuple[float, float]:
    """Wilson's score interval of a share, 0 to 1, of independent trials."""
    shrink = 1 + _Z**2 / trials
    middle = share + _Z**2 / (2 * trials)
    half = _Z * np.sqrt(share * (1 - share) / trials + _Z**2 / (4 * trials**2))
    return max((middle - half) / shrink, 0.0), min((middle + half) / shrink, 1.0)


def holm(p_values: pd.Series) -> pd.Series:
    """P values, adjusted for their number (Holm, Scand. J. Statistics 1979), in ascending order."""
    ascending = p_values.sort_values()
    return (ascending * np.arange(len(ascending), 0, -1)).cummax().clip(upper=1)


def p_value(difference: pd.Series, low: pd.Series, high: pd.Series) -> pd.Series:
    """Two-sided P values of differences, from their 95 % intervals, taken as normal.

    Altman & Bland, "How to obtain the P value from a confidence interval", BMJ 2011.
    """
    error = np.maximum((high - low) / (2 * _Z), np.finfo(np.float64).tiny)
    return 2 * ndtr(-np.abs(difference) / error)
