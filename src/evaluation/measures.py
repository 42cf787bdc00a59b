"""Per-face measures of estimates, and the constant baseline."""

from collections.abc import Callable

import numpy as np

from ..estimation.estimator import Estimates
from ..labels import (
    MAX_AGE,
    age_errors,
    age_midpoint,
    age_targets,
    covers,
    is_exact,
    whole_years,
)
from .results import Baseline, Labels

_TINY = 1e-30  # floor of probabilities in likelihoods


def baseline(training: dict[str, float] | None, labels: Labels) -> Baseline:
    """The median age and the majority gender of a model's training faces, or else of the labels.

    training: `Description.training`; files of version 0.2 lack the median.
    """
    if training and "age_median" in training:
        age, male, source = training["age_median"], training["male_share"], "training faces"
    else:
        age = known(np.median, age_midpoint(labels.age_low, labels.age_high))
        male, source = known(np.mean, labels.gender), "evaluated faces"
    return Baseline(age, male if np.isnan(male) else float(male >= 0.5), source)


def known(statistic: Callable[[np.ndarray], float], values: np.ndarray) -> float:
    """A statistic of the values that are not NaN; NaN if there are none."""
    values = values[~np.isnan(values)]
    return float(statistic(values)) if len(values) else np.nan


def known_mean(values: np.ndarray) -> float:
    """The mean of the values that are not NaN; NaN if there are none."""
    return known(np.mean, values)


def measure(labels: Labels, estimates: Estimates) -> dict[str, np.ndarray]:
    """Per-face measures that metrics need: float64 (N,) by name, NaN where unknown.

    Those of intervals and distributions are of exact ages only, see `labels.is_exact`; years
    outside 0..100 count as the nearest one.
    """
    low, high = (np.clip(whole_years(end), 0, MAX_AGE) for end in (labels.age_low, labels.age_high))
    exact = is_exact(labels.age_low, labels.age_high)
    ages = estimates.age_distribution.astype(np.float64)
    target = age_targets(low, high).astype(np.float64)
    per_face = {
        "rank": _label_ranks(ages, target),
        "covered": covers(estimates.age_low, estimates.age_high, low, high),
        "width": estimates.age_high - estimates.age_low + 1,
        "nll": -np.log(np.maximum((ages * target).sum(axis=1), _TINY)),
        "crps": ((ages - target).cumsum(axis=1) ** 2).sum(axis=1),
    }
    p_female = estimates.p_female.astype(np.float64)
    p_label = np.where(labels.gender == 0, p_female, 1 - p_female)
    is_known = ~np.isnan(labels.gender)
    deviation = np.full(len(labels), np.nan) if labels.age_std is None else labels.age_std
    return {
        **errors(labels, estimates.age, estimates.gender),
        **{name: np.where(exact, values, np.nan) for name, values in per_face.items()},
        "deviation": deviation,
        "male": labels.gender,
        "confidence": estimates.p_gender.astype(np.float64),
        "gender_nll": np.where(is_known, -np.log(np.maximum(p_label, _TINY)), np.nan),
    }


def errors(
    labels: Labels, age: np.ndarray | float, gender: np.ndarray | float
) -> dict[str, np.ndarray]:
    """Measures of ages, years, and genders, 0 or 1, alone: of exact ages, of ranges, of genders."""
    distance = age_errors(np.broadcast_to(age, len(labels)), labels.age_low, labels.age_high)
    exact = is_exact(labels.age_low, labels.age_high)
    unknown = np.isnan(gender) | np.isnan(labels.gender)
    correct = np.where(unknown, np.nan, gender == labels.gender)
    return {
        "error": np.where(exact, distance, np.nan),
        "range_error": np.where(exact, np.nan, distance),
        "correct": correct,
        "correct_0": np.where(labels.gender == 0, correct, np.nan),
        "correct_1": np.where(labels.gender == 1, correct, np.nan),
    }


def _label_ranks(ages: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Number of years outside each label with at least the probability of its best year, (N,).

    ages, target: distributions, float64 (N, 101); `target` is above 0 in the label's years.
    """
    within = target > 0
    best = np.where(within, ages, -1).max(axis=1, keepdims=True)
    return ((ages >= best) & ~within).sum(axis=1)
