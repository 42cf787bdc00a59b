"""Values of all metrics, with bootstrap intervals, per subgroup."""

from collections import defaultdict
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from ..estimation.estimator import Estimates
from ..labels import GENDERS, MAX_AGE, age_errors, age_midpoint, whole_years
from .bootstrap import Function, with_intervals
from .metrics import BASELINE, BY_NAME, ECE, covered_shares, label_ranks
from .results import Labels
from .slices import is_one_gender

COLUMNS = ["slice", "figure", "value", "low", "high", "n"]


@dataclass(frozen=True)
class Baseline:
    """A constant prediction.

    age: years.  gender: 0 or 1.  Either is NaN if unknown.
    source: the faces of the mean age and the majority gender.
    """

    age: float
    gender: float
    source: str

    def __str__(self) -> str:
        parts = [] if np.isnan(self.age) else [f"{self.age:.1f} years"]
        parts += [] if np.isnan(self.gender) else [GENDERS[int(self.gender)]]
        return f"{', '.join(parts)} ({self.source})"


def baseline(training: dict[str, float] | None, labels: Labels) -> Baseline:
    """The mean age and the majority gender of a model's training faces, or else of the labels.

    training: `Description.training`.
    """
    if training:
        age, male, source = training["age_mean"], training["male_share"], "of the training faces"
    else:
        middle = age_midpoint(labels.age_low, labels.age_high)
        age, male = (known_mean(values) for values in (middle, labels.gender))
        source = "of the evaluated faces"
    return Baseline(age, male if np.isnan(male) else float(male >= 0.5), source)


def known_mean(values: np.ndarray) -> float:
    """The mean of the values that are not NaN; NaN if there are none."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else np.nan


def measure(labels: Labels, estimates: Estimates, baseline: Baseline) -> dict[str, np.ndarray]:
    """Per-face measures that metrics need: float64 (N,) by name, NaN where unknown."""
    low, high = labels.age_low, labels.age_high
    first, last = (np.minimum(whole_years(end), MAX_AGE) for end in (low, high))
    interval = estimates.age_low, estimates.age_high
    deviation = np.full(len(labels), np.nan) if labels.age_std is None else labels.age_std
    return {
        "error": age_errors(estimates.age, low, high),
        "rank": label_ranks(estimates.age_distribution, first, last),
        "covered": covered_shares(interval, first, last),
        "width": np.where(np.isnan(low), np.nan, interval[1] - interval[0] + 1),
        "deviation": deviation,
        "male": labels.gender,
        "correct": _equal(estimates.gender, labels.gender),
        "confidence": estimates.p_gender.astype(np.float64),
        BASELINE + "error": age_errors(np.full(len(labels), baseline.age), low, high),
        BASELINE + "correct": _equal(baseline.gender, labels.gender),
    }


def _equal(predicted: np.ndarray | float, gender: np.ndarray) -> np.ndarray:
    """1 if equal, 0 if different, NaN if one is unknown."""
    unknown = np.isnan(predicted) | np.isnan(gender)
    return np.where(unknown, np.nan, predicted == gender)


def figures(
    measures: dict[str, np.ndarray], slices: dict[str, np.ndarray], seed: int, resamples: int
) -> pd.DataFrame:
    """All metrics of all slices, with the columns `COLUMNS`; metrics without faces are omitted.

    The calibration error is omitted for slices of one gender: given the true gender, even
    calibrated probabilities differ from the accuracy.
    """
    table = []
    for name, rows in slices.items():
        for count, bound in bind(measures, rows).items():
            if is_one_gender(name):
                bound.pop(ECE, None)
            found = with_intervals(bound, count, seed, resamples)
            table += [(name, figure, *found[figure], count) for figure in found]
    return pd.DataFrame(table, columns=COLUMNS)


def bind(measures: dict[str, np.ndarray], rows: np.ndarray) -> dict[int, dict[str, Function]]:
    """Metrics of `rows`, int64 (n,), as functions of weights alone, by number of faces and name."""
    bound = defaultdict(dict)
    for metric in BY_NAME.values():
        arrays = np.array([measures[need][rows] for need in metric.needs])
        arrays = arrays[:, ~np.isnan(arrays).any(axis=0)]
        if arrays.size:
            bound[arrays.shape[1]][metric.name] = partial(metric.function, *arrays)
    return bound
