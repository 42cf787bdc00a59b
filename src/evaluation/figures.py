"""Which figures there are, and their values with intervals on every slice."""

from collections import defaultdict
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from src.estimation.estimator import Estimates
from src.evaluation import metrics
from src.evaluation.bootstrap import Figure, with_intervals
from src.evaluation.results import Labels
from src.labels import GENDERS, MAX_AGE, age_errors, whole_years

CS_YEARS = (1, 3, 5, 10)
BASELINE = "baseline_"

_ERRORS = {
    "mae": metrics.mean_absolute,
    "median_error": metrics.median_absolute,
    "bias": metrics.mean,
    "rmse": metrics.root_mean_square,
    **{f"cs{years}": partial(metrics.cumulative_score, years=years) for years in CS_YEARS},
}
# By name: the function, and the measures of each face that it takes before the weights. A figure is
# of the faces that have them all.
FIGURES = {
    **{name: (function, ["error"]) for name, function in _ERRORS.items()},
    "top1": (partial(metrics.top_accuracy, k=1), ["rank"]),
    "top5": (partial(metrics.top_accuracy, k=5), ["rank"]),
    "coverage": (metrics.mean, ["covered"]),
    "interval_width": (metrics.mean, ["width"]),
    "epsilon_error": (metrics.epsilon_error, ["error", "deviation"]),
    **{BASELINE + name: (function, ["baseline_error"]) for name, function in _ERRORS.items()},
    "gender_accuracy": (metrics.mean, ["correct"]),
    "balanced_accuracy": (metrics.balanced_accuracy, ["male", "correct"]),
    "ece": (metrics.calibration_error, ["confidence", "correct"]),
    **{
        f"{name}_told_{told_name}": (
            partial(metrics.told_as, gender=gender, told=told),
            ["male", "correct"],
        )
        for gender, name in enumerate(GENDERS)
        for told, told_name in enumerate(GENDERS)
    },
    BASELINE + "gender_accuracy": (metrics.mean, ["baseline_correct"]),
}
MAIN = (  # those that models are compared by
    *("mae", "median_error", "bias", "rmse", "cs5", "top5", "coverage"),
    *("gender_accuracy", "balanced_accuracy", "ece"),
)


@dataclass(frozen=True)
class Baseline:
    """One who says the same of every face.

    age: years.  gender: 0 or 1.  Either is NaN where it is not known what to say.
    source: whose mean and majority they are.
    """

    age: float
    gender: float
    source: str

    def __str__(self) -> str:
        said = [] if np.isnan(self.age) else [f"{self.age:.1f} years"]
        said += [] if np.isnan(self.gender) else [GENDERS[int(self.gender)]]
        return f"{', '.join(said)} ({self.source})"


def baseline(training: dict[str, float] | None, labels: Labels) -> Baseline:
    """The mean age and the majority gender of a model's training, or else of the labels.

    training: `Description.training`.
    """
    if training:
        age, male, source = training["age_mean"], training["male_share"], "of the training"
    else:
        middle = (labels.age_low + labels.age_high) / 2
        age, male = (_known_mean(values) for values in (middle, labels.gender))
        source = "of the evaluated faces"
    return Baseline(age, male if np.isnan(male) else float(male >= 0.5), source)


def _known_mean(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else np.nan


def measure(labels: Labels, estimates: Estimates, baseline: Baseline) -> dict[str, np.ndarray]:
    """What the figures are computed from: float64 (N,) by name, NaN where unknown."""
    low, high = labels.age_low, labels.age_high
    first, last = (np.minimum(whole_years(end), MAX_AGE) for end in (low, high))
    interval = estimates.age_low, estimates.age_high
    deviation = np.full(len(labels), np.nan) if labels.age_std is None else labels.age_std
    return {
        "error": age_errors(estimates.age, low, high),
        "rank": metrics.label_ranks(estimates.age_distribution, first, last),
        "covered": metrics.covered_shares(interval, first, last),
        "width": np.where(np.isnan(low), np.nan, interval[1] - interval[0] + 1),
        "deviation": deviation,
        "baseline_error": age_errors(np.full(len(labels), baseline.age), low, high),
        "male": labels.gender,
        "correct": _same(estimates.gender, labels.gender),
        "confidence": estimates.p_gender.astype(np.float64),
        "baseline_correct": _same(baseline.gender, labels.gender),
    }


def _same(told: np.ndarray | float, gender: np.ndarray) -> np.ndarray:
    """1 where they are the same, 0 where not, NaN where one is unknown."""
    return np.where(np.isnan(told) | np.isnan(gender), np.nan, told == gender)


def figures(
    measures: dict[str, np.ndarray], slices: dict[str, np.ndarray], seed: int, resamples: int
) -> pd.DataFrame:
    """Every figure of every slice, with the columns of `Evaluation.figures`; a figure of no face is
    left out."""
    table = []
    for name, rows in slices.items():
        for count, bound in bind({key: values[rows] for key, values in measures.items()}).items():
            found = with_intervals(bound, count, seed, resamples)
            table += [(name, figure, *found[figure], count) for figure in found]
    return pd.DataFrame(table, columns=["slice", "figure", "value", "low", "high", "n"])


def bind(measures: dict[str, np.ndarray]) -> dict[int, dict[str, Figure]]:
    """The figures as functions of weights alone, by the number of faces that they are of."""
    bound = defaultdict(dict)
    for name, (function, wanted) in FIGURES.items():
        arrays = np.array([measures[measure] for measure in wanted])
        arrays = arrays[:, ~np.isnan(arrays).any(axis=0)]
        if arrays.size:
            bound[arrays.shape[1]][name] = partial(function, *arrays)
    return bound
