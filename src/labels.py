"""Labels, targets and errors of age and gender."""

from typing import TypeVar

import numpy as np

Ages = TypeVar("Ages")  # an array, a pandas column, or a number

GENDERS = ("female", "male")  # IMDB-WIKI's convention: 0 female, 1 male
INITIALS = ("F", "M")
GENDER_COLOURS = ("#a0146e", "#004bb4")  # in drawings and histograms
MAX_AGE = 100
AGES = np.arange(MAX_AGE + 1)  # years, 0..100: the classes of the age head


def gender_targets(gender: np.ndarray) -> np.ndarray:
    """Gender distributions, float32 (N, 2), from labels (N,): 0, 1 or NaN.

    A known gender is one-hot; an unknown one is uniform.
    """
    is_gender = gender[:, None] == np.arange(len(GENDERS))
    return np.where(np.isnan(gender)[:, None], 1 / len(GENDERS), is_gender).astype(np.float32)


def age_targets(age_low: np.ndarray, age_high: np.ndarray) -> np.ndarray:
    """Age distributions, float32 (N, 101), from inclusive ranges (N,) in whole years or NaN.

    A range is uniform over its years (one-hot if both ends are equal), an unknown age over all.
    """
    unknown = np.isnan(age_low)
    low, high = np.where(unknown, 0, age_low), np.where(unknown, MAX_AGE, age_high)
    within = (low[:, None] <= AGES) & (AGES <= high[:, None])
    return (within / within.sum(axis=1, keepdims=True)).astype(np.float32)


def expected_age(age_distribution: np.ndarray) -> np.ndarray:
    """Expectation in years, (N,), of age distributions (N, 101).

    Rothe et al., "Deep expectation of real and apparent age from a single image without facial
    landmarks", IJCV 2016.
    """
    return age_distribution @ AGES.astype(age_distribution.dtype)


def age_errors(age: np.ndarray, age_low: np.ndarray, age_high: np.ndarray) -> np.ndarray:
    """Signed distance in years, float64 (N,), of estimated ages (N,) to their labels' ranges.

    0 within the range, negative below it, NaN for unknown ages.
    """
    age = np.asarray(age, np.float64)
    return age - np.clip(age, age_low, age_high)


def is_exact(age_low: Ages, age_high: Ages) -> Ages:
    """Whether labels count as exact: known ranges of at most two years, as datasets that compute
    ages from years of birth have. Bool, shaped as the ranges; False for unknown ages."""
    return age_high - age_low <= 1


def covers(low: Ages, high: Ages, age_low: Ages, age_high: Ages) -> Ages:
    """Whether predicted intervals `low` to `high` contain a year of exact labels, bool (N,).

    False for unknown ages. For ranges that are not exact, this is not coverage: see `is_exact`.
    """
    return (low <= age_high) & (high >= age_low)


def age_midpoint(age_low: Ages, age_high: Ages) -> Ages:
    """Middle of inclusive age ranges in years, NaN for unknown ages."""
    return (age_low + age_high) / 2


def age_text(age_low: float, age_high: float) -> str:
    """An age range as "25-32", an exact age as "25", an unknown age as "?"."""
    if np.isnan(age_low):
        return "?"
    return f"{age_low:g}" if age_low == age_high else f"{age_low:g}-{age_high:g}"


def whole_years(ages: np.ndarray) -> np.ndarray:
    """Ages (N,) rounded to whole years, halves up; NaN stays NaN."""
    return np.floor(ages + 0.5)


def age_interval(age_distribution: np.ndarray, mass: float = 0.8) -> tuple[np.ndarray, np.ndarray]:
    """The shortest range of whole years that contains at least `mass` of each distribution.

    Takes (N, 101), returns the first and the last year of the range, int64 (N,) each. Among ranges
    of equal length, the most probable one is returned.
    """
    count, classes = age_distribution.shape
    cumulative = np.zeros((count, classes + 1))
    np.cumsum(age_distribution, axis=1, out=cumulative[:, 1:])
    needed = mass * cumulative[:, -1] - 1e-9  # tolerance for rounding
    low = np.zeros(count, np.int64)
    high = np.full(count, classes - 1, np.int64)
    open_rows = np.arange(count)
    for years in range(1, classes):
        held = cumulative[open_rows, years:] - cumulative[open_rows, :-years]  # (open, ranges)
        best = held.argmax(axis=1)
        done = held[np.arange(len(open_rows)), best] >= needed[open_rows]
        low[open_rows[done]] = best[done]
        high[open_rows[done]] = best[done] + years - 1
        open_rows = open_rows[~done]
        if not len(open_rows):
            break
    return low, high
