"""The table of metrics, and their functions.

Functions of arrays over N faces take `weights`, float64 (B, N): the count of each face, one row per
bootstrap resample (all ones for the original sample). They return float64 (B,). No row of weights
may be all zeros. Age errors are signed, in years, see `labels.age_errors`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

ECE_BINS = 15


@dataclass(frozen=True)
class Metric:
    """A metric: one row of `METRICS`.

    name: in JSON and CSV.  title: in tables, with its unit.
    format: format specification of a value, with "+" if values are signed.
    better: 1 if higher is better, -1 if lower is better, 0 if neither.
    function: from the arrays of `inputs` and `weights` to values, float64 (B,).
    inputs: names of per-face measures, see `measures.measure`; faces without one are ignored.
    column: short title in tables by subgroup and in comparisons of models; "" omits it there.
    """

    name: str
    title: str
    format: str
    better: int
    function: Callable[..., np.ndarray]
    inputs: str
    column: str = ""

    @property
    def needs(self) -> list[str]:
        return self.inputs.split()


def mean(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean of `values`, (N,)."""
    return weights @ values / weights.sum(axis=1)


def mean_absolute(error: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return mean(np.abs(error), weights)


def median_absolute(error: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Median of absolute errors; the weights are whole numbers."""
    error = np.abs(error)
    order = np.argsort(error)
    counted = weights[:, order].cumsum(axis=1)
    half = (counted[:, -1:] - 1) / 2
    positions = [(counted <= k).sum(axis=1) for k in (np.floor(half), np.ceil(half))]
    return error[order][positions].mean(axis=0)


def root_mean_square(error: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return np.sqrt(mean(error**2, weights))


@dataclass(frozen=True)
class Share:
    """Share of faces, 0 to 1, with a true `hit`, a function of the metric's measures, (N,) each.

    balanced: whether it is the mean over the strata of the first measure.
    """

    hit: Callable[..., np.ndarray]
    balanced: bool = False

    def strata(self, *measures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Hits, float64 (N,), 0 or 1, and membership of the strata, bool (S, N)."""
        by = measures[0] if self.balanced else np.zeros(len(measures[0]))
        return self.hit(*measures).astype(np.float64), by == np.unique(by)[:, None]

    def __call__(self, *arrays: np.ndarray) -> np.ndarray:
        *measures, weights = arrays
        hits, strata = self.strata(*measures)
        counts, sums = weights @ strata.T, weights @ (strata * hits).T
        return (sums / np.maximum(counts, 1)).sum(axis=1) / (counts > 0).sum(axis=1)


HITS = Share(lambda hit: hit)  # of a measure that is 0 or 1


def epsilon_error(error: np.ndarray, deviation: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """ChaLearn LAP's error: 1 - mean exp(-error^2 / (2 deviation^2)), 0 best and 1 worst.

    deviation: standard deviation of the ratings, (N,), years; if it is 0, only the exact age
    counts. Escalera et al., "ChaLearn Looking at People 2015: apparent age and cultural event
    recognition", ICCV workshops 2015.
    """
    tiny = np.finfo(np.float64).tiny
    return 1 - mean(np.exp(-(error**2) / np.maximum(2 * deviation**2, tiny)), weights)


def calibration_error(
    male: np.ndarray, confidence: np.ndarray, correct: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Expected calibration error of the gender, 0 to 1, over 15 bins of equal width.

    NaN for faces of one gender: given the gender, even calibrated probabilities differ from the
    accuracy.
    confidence: probability of the predicted gender, (N,), 0.5 to 1, so that only the 8 bins above
    7/15 hold faces. Bins include their upper end; each contributes the distance between its mean
    confidence and its accuracy, times its share of the faces. Biased upwards for small N.
    Guo et al., "On calibration of modern neural networks", ICML 2017,
    https://arxiv.org/abs/1706.04599.
    """
    bins = np.ceil(confidence * ECE_BINS) - 1
    gaps = (correct - confidence)[:, None] * (bins[:, None] == np.arange(ECE_BINS))
    error = np.abs(weights @ gaps).sum(axis=1) / weights.sum(axis=1)
    return error if np.ptp(male) else np.full_like(error, np.nan)


def _within(years: int, column: str = "") -> Metric:
    """The cumulative score of Geng et al., "Automatic age estimation based on facial aging
    patterns", PAMI 2007."""
    title, share = f"within {years} year{'s' * (years > 1)}", Share(lambda e: np.abs(e) <= years)
    return Metric(f"cs{years}", title, ".1%", 1, share, "error", column)


# fmt: off
METRICS = (  # name, title, format, whether higher is better, function, needs, column
    Metric("mae", "mean absolute error, years", ".2f", -1, mean_absolute, "error", "MAE"),
    Metric("median_error", "median absolute error, years", ".2f", -1, median_absolute, "error"),
    Metric("bias", "bias, years", "+.2f", 0, mean, "error", "bias"),
    Metric("rmse", "root mean square error, years", ".2f", -1, root_mean_square, "error"),
    _within(1), _within(3), _within(5, "within 5"), _within(10),
    Metric("top1", "age is the most probable", ".1%", 1, Share(lambda rank: rank < 1), "rank"),
    Metric("top5", "age among the 5 most probable", ".1%", 1, Share(lambda rank: rank < 5), "rank"),
    Metric("coverage", "age in the 80 % interval", ".1%", 0, HITS, "covered", "in interval"),
    Metric("interval_width", "width of the 80 % interval, years", ".1f", 0, mean, "width"),
    Metric("nll", "negative log-likelihood of the age", ".3f", -1, mean, "nll"),
    Metric("crps", "ranked probability score of the age, years", ".2f", -1, mean, "crps"),
    Metric("epsilon_error", "epsilon error", ".4f", -1, epsilon_error, "error deviation"),
    Metric("range_error", "mean distance to the age range, years", ".2f", -1, mean_absolute,
           "range_error", "range error"),
    Metric("in_range", "estimate in the age range", ".1%", 1, Share(lambda error: error == 0),
           "range_error", "in range"),
    Metric("gender_accuracy", "gender accuracy", ".1%", 1, HITS, "correct", "gender accuracy"),
    Metric("balanced_accuracy", "balanced gender accuracy", ".1%", 1,
           Share(lambda male, correct: correct, balanced=True), "male correct"),
    Metric("female_accuracy", "gender accuracy, female faces", ".1%", 1, HITS, "correct_0"),
    Metric("male_accuracy", "gender accuracy, male faces", ".1%", 1, HITS, "correct_1"),
    Metric("ece", "gender calibration error", ".3f", -1, calibration_error,
           "male confidence correct", "gender calibration error"),
    Metric("gender_nll", "negative log-likelihood of the gender", ".3f", -1, mean, "gender_nll"),
)
# fmt: on
BY_NAME = {metric.name: metric for metric in METRICS}
BY_SUBGROUP = [metric for metric in METRICS if metric.column]
