"""The table of metrics, and their functions.

Functions of arrays over N faces take `weights`, float64 (B, N): the count of each face, one row per
bootstrap resample (all ones for the original sample). They return float64 (B,). No row of weights
may be all zeros. Age errors are signed, in years, see `labels.age_errors`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from ..labels import AGES, GENDERS

BASELINE = "baseline_"
ECE = "ece"
ECE_BINS = 15


@dataclass(frozen=True)
class Metric:
    """A metric: one row of `METRICS`, which tables, CSV, JSON, report and card read.

    name: in JSON and CSV.
    title: in tables, with its unit.
    format: format specification of a value, without a sign unless values are signed.
    meaning: explanation in the report.
    better: 1 if higher is better, -1 if lower is better, 0 if neither.
    function: from the arrays of `needs` and `weights` to values, float64 (B,).
    needs: names of per-face measures, see `figures.measure`; faces without one are ignored.
    column: title in tables by subgroup; "" omits the metric there.
    compared: whether comparisons of models include it.
    """

    name: str
    title: str
    format: str
    meaning: str
    better: int
    function: Callable[..., np.ndarray]
    needs: tuple[str, ...]
    column: str = ""
    compared: bool = False

    def text(self, value: float, sign: str = "") -> str:
        """A value as text; `sign` "+" also marks positive values, as of differences."""
        return format(value, sign + self.format.removeprefix("+" if sign else ""))


def label_ranks(distribution: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Number of years outside each label's range with at least the probability of its best year.

    distribution: (N, 101).  low, high: (N,), whole years.  Returns float64 (N,), NaN if unknown.
    """
    within = (low[:, None] <= AGES) & (AGES <= high[:, None])
    best = np.where(within, distribution, -1).max(axis=1, keepdims=True)
    ranks = ((distribution >= best) & ~within).sum(axis=1)
    return np.where(np.isnan(low), np.nan, ranks)


def covered_shares(
    interval: tuple[np.ndarray, np.ndarray], low: np.ndarray, high: np.ndarray
) -> np.ndarray:
    """Share of each label's years, `low` to `high`, within the interval: float64 (N,)."""
    shared = np.minimum(interval[1], high) - np.maximum(interval[0], low) + 1
    return np.maximum(shared, 0) / (high - low + 1)


def mean(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean of `values`, (N,): the bias for errors, the accuracy for hits (0 or 1)."""
    return weights @ values / weights.sum(axis=1)


def mean_absolute(error: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return mean(np.abs(error), weights)


def median_absolute(error: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Median of absolute errors; the weights are whole numbers."""
    error = np.abs(error)
    order = np.argsort(error)
    counted = weights[:, order].cumsum(axis=1)
    half = (counted[:, -1:] - 1) / 2
    places = [(counted <= k).sum(axis=1) for k in (np.floor(half), np.ceil(half))]
    return error[order][places].mean(axis=0)


def root_mean_square(error: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return np.sqrt(mean(error**2, weights))


def cumulative_score(error: np.ndarray, weights: np.ndarray, years: float) -> np.ndarray:
    """CS@k: share of faces with an absolute error of at most k `years`.

    Geng et al., "Automatic age estimation based on facial aging patterns", PAMI 2007.
    """
    return mean(np.abs(error) <= years, weights)


def top_accuracy(ranks: np.ndarray, weights: np.ndarray, k: int) -> np.ndarray:
    """Share of faces with a year of their label among the `k` most probable years.

    ranks: as returned by `label_ranks`.
    """
    return mean(ranks < k, weights)


def epsilon_error(error: np.ndarray, deviation: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """ChaLearn LAP's error: 1 - mean exp(-error^2 / (2 deviation^2)), 0 best and 1 worst.

    deviation: standard deviation of the ratings, (N,), years; if it is 0, only the exact age
    counts. Escalera et al., "ChaLearn Looking at People 2015: apparent age and cultural event
    recognition", ICCV workshops 2015.
    """
    tiny = np.finfo(np.float64).tiny
    return 1 - mean(np.exp(-(error**2) / np.maximum(2 * deviation**2, tiny)), weights)


def balanced_accuracy(male: np.ndarray, correct: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean accuracy of women and men; the accuracy of one gender if the other is absent.

    male, correct: (N,), 0 or 1: the true gender, and whether the prediction is correct.
    """
    counts = np.stack([weights @ (male == gender) for gender in (0, 1)])
    right = np.stack([weights @ ((male == gender) * correct) for gender in (0, 1)])
    recalls = right / np.maximum(counts, 1)  # 0 for an absent gender, which does not count
    return recalls.sum(axis=0) / (counts > 0).sum(axis=0)


def confusion_count(
    male: np.ndarray, correct: np.ndarray, weights: np.ndarray, gender: int, predicted: int
) -> np.ndarray:
    """A cell of the confusion matrix: number of faces of `gender` with this predicted gender."""
    return weights @ ((male == gender) & (correct == (gender == predicted)))


def calibration_error(
    confidence: np.ndarray, correct: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Expected calibration error of the gender, 0 to 1, over 15 bins of equal width.

    confidence: probability of the predicted gender, (N,), 0.5 to 1, so that only the 8 bins above
    7/15 hold faces. Bins include their upper end; each contributes the distance between its mean
    confidence and its accuracy, times its share of the faces. Biased upwards for small N.
    Guo et al., "On calibration of modern neural networks", ICML 2017,
    https://arxiv.org/abs/1706.04599.
    """
    bins = np.ceil(confidence * ECE_BINS) - 1
    gaps = (correct - confidence)[:, None] * (bins[:, None] == np.arange(ECE_BINS))
    return np.abs(weights @ gaps).sum(axis=1) / weights.sum(axis=1)


def _within(years: int, column: str = "", compared: bool = False) -> Metric:
    return Metric(
        f"cs{years}",
        f"within {years} year{'s' if years > 1 else ''}",
        ".1%",
        f"the share of faces with an age error of at most {years} year{'s' if years > 1 else ''}",
        1,
        partial(cumulative_score, years=years),
        ("error",),
        column,
        compared,
    )


METRICS = (
    Metric(
        "mae",
        "mean absolute error, years",
        ".2f",
        "the mean distance of the estimated age to the true age or range",
        -1,
        mean_absolute,
        ("error",),
        column="MAE",
        compared=True,
    ),
    Metric(
        "median_error",
        "median absolute error, years",
        ".2f",
        "half of the faces have a smaller error",
        -1,
        median_absolute,
        ("error",),
        compared=True,
    ),
    Metric(
        "bias",
        "bias, years",
        "+.2f",
        "the mean signed error: above 0 ages are overestimated, below 0 underestimated",
        0,
        mean,
        ("error",),
        column="bias",
        compared=True,
    ),
    Metric(
        "rmse",
        "root mean square error, years",
        ".2f",
        "like the mean error, with more weight on large errors",
        -1,
        root_mean_square,
        ("error",),
        compared=True,
    ),
    _within(1),
    _within(3),
    _within(5, column="within 5", compared=True),
    _within(10),
    Metric(
        "top1",
        "age is the most probable",
        ".1%",
        "the share of faces whose true age has the highest probability",
        1,
        partial(top_accuracy, k=1),
        ("rank",),
    ),
    Metric(
        "top5",
        "age among the 5 most probable",
        ".1%",
        "the share of faces whose true age is among the five most probable",
        1,
        partial(top_accuracy, k=5),
        ("rank",),
        compared=True,
    ),
    Metric(
        "coverage",
        "age in the 80 % interval",
        ".1%",
        "the share of true ages within the interval; 80 % is right",
        0,
        mean,
        ("covered",),
        column="in interval",
        compared=True,
    ),
    Metric(
        "interval_width",
        "width of the 80 % interval, years",
        ".1f",
        "narrower is more informative, if the interval contains 80 % of the ages",
        0,
        mean,
        ("width",),
    ),
    Metric(
        "epsilon_error",
        "epsilon error",
        ".4f",
        "the error relative to the spread of the ratings; 0 is best, 1 is worst",
        -1,
        epsilon_error,
        ("error", "deviation"),
    ),
    Metric(
        "gender_accuracy",
        "gender accuracy",
        ".1%",
        "the share of faces whose gender is predicted correctly",
        1,
        mean,
        ("correct",),
        column="gender accuracy",
        compared=True,
    ),
    Metric(
        "balanced_accuracy",
        "balanced gender accuracy",
        ".1%",
        "the mean of the accuracies of women and men; 50 % is chance",
        1,
        balanced_accuracy,
        ("male", "correct"),
        compared=True,
    ),
    Metric(
        ECE,
        "gender calibration error",
        ".3f",
        "the mean distance between predicted probability and accuracy",
        -1,
        calibration_error,
        ("confidence", "correct"),
        column="gender calibration error",
        compared=True,
    ),
)
CONFUSION = {
    (true, predicted): Metric(
        f"{true}_as_{predicted}",
        f"{true} predicted as {predicted}",
        ",.0f",
        "the number of faces",
        0,
        partial(confusion_count, gender=code, predicted=predicted_code),
        ("male", "correct"),
    )
    for code, true in enumerate(GENDERS)
    for predicted_code, predicted in enumerate(GENDERS)
}
# Metrics of one measure that a constant prediction has too, computed for the baseline.
_BASELINES = [
    replace(metric, name=BASELINE + metric.name, needs=(BASELINE + metric.needs[0],))
    for metric in METRICS
    if metric.needs in (("error",), ("correct",))
]
BY_NAME = {metric.name: metric for metric in (*METRICS, *CONFUSION.values(), *_BASELINES)}
