"""Per-face measures of estimates, and the constant baseline."""

import numpy as np
import pandas as pd

from ..estimation.estimator import Estimates
from ..labels import MAX_AGE, age_errors, age_midpoint, age_targets, covers, is_exact, whole_years
from .results import gender_names, units

_TINY = 1e-30  # floor of probabilities in likelihoods


def baseline(training: dict[str, float] | None, labels: pd.DataFrame) -> tuple[str, pd.DataFrame]:
    """Name and measures, see `errors`, of a constant prediction: the median age, which has the
    smallest MAE, and the majority gender of a model's training faces, or else of the labels.

    training: `Description.training`; files of version 0.2 lack the median.
    """
    if training and "age_median" in training:
        age, male, source = training["age_median"], training["male_share"], "training faces"
    else:
        age = age_midpoint(labels["age_low"], labels["age_high"]).median()
        male, source = labels["gender"].mean(), "evaluated faces"
    gender = male if np.isnan(male) else float(male >= 0.5)
    parts = ["" if np.isnan(age) else f"{age:g} years", str(gender_names(gender))]
    name = f"baseline: {', '.join(filter(None, parts))} ({source})"
    return name, errors(labels, age, gender)


def whole_ranges(labels: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Age ranges in whole years 0..100, float64 (N,) each, NaN where unknown."""
    ends = (labels[name].to_numpy() for name in ("age_low", "age_high"))
    low, high = (np.clip(whole_years(end), 0, MAX_AGE) for end in ends)
    return low, high


def measure(labels: pd.DataFrame, estimates: Estimates) -> pd.DataFrame:
    """Per-face measures that metrics need, float64, NaN where unknown; the column `unit`; and the
    estimates `est_age`, `low`, `high` (years), `est_gender` and `p_female`.

    Measures of intervals and distributions are of exact ages only, see `labels.is_exact`; years
    outside 0..100 count as the nearest one.
    """
    low, high = whole_ranges(labels)
    ages = estimates.age_distribution.astype(np.float64)
    target = age_targets(low, high).astype(np.float64)
    per_exact_age = {
        "rank": _label_ranks(ages, target),
        "covered": covers(estimates.age_low, estimates.age_high, low, high),
        "width": estimates.age_high - estimates.age_low + 1,
        "nll": -np.log(np.maximum((ages * target).sum(axis=1), _TINY)),
        "crps": ((ages - target).cumsum(axis=1) ** 2).sum(axis=1),
    }
    exact = is_exact(labels["age_low"], labels["age_high"])
    male, p_female = labels["gender"], estimates.p_female.astype(np.float64)
    p_label = np.where(male == 0, p_female, 1 - p_female)
    return errors(labels, estimates.age, estimates.gender).assign(
        est_age=estimates.age,
        low=estimates.age_low,
        high=estimates.age_high,
        est_gender=gender_names(estimates.gender),
        p_female=estimates.p_female,
        **{name: np.where(exact, values, np.nan) for name, values in per_exact_age.items()},
        deviation=labels["age_std"],
        male=male,
        confidence=estimates.gender_distribution.max(axis=1).astype(np.float64),
        gender_nll=np.where(male.isna(), np.nan, -np.log(np.maximum(p_label, _TINY))),
    )


def errors(
    labels: pd.DataFrame, age: np.ndarray | float, gender: np.ndarray | float
) -> pd.DataFrame:
    """Measures of ages, years, and genders, 0 or 1, alone: signed distances to exact ages and to
    ranges, and hits of all genders and of each."""
    low, high, male = (labels[name] for name in ("age_low", "age_high", "gender"))
    distance = age_errors(np.broadcast_to(age, len(labels)), low, high)
    exact = is_exact(low, high)
    correct = (gender == male).astype(float).where(~(np.isnan(gender) | male.isna()))
    return pd.DataFrame(
        {
            "unit": units(labels),
            "error": np.where(exact, distance, np.nan),
            "range_error": np.where(exact, np.nan, distance),
            "correct": correct,
            "correct_0": correct.where(male == 0),
            "correct_1": correct.where(male == 1),
        },
        index=labels.index,
    )


def _label_ranks(ages: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Number of years outside each label with at least the probability of its best year, (N,).

    ages, target: distributions, float64 (N, 101); `target` is above 0 in the label's years.
    """
    within = target > 0
    best = np.where(within, ages, -1).max(axis=1, keepdims=True)
    return ((ages >= best) & ~within).sum(axis=1)
