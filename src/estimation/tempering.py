"""What a model would say if the scores of its heads were others: for checks of graphs."""

import numpy as np

from src.estimation.estimator import Estimates
from src.labels import AGES, GENDERS
from src.models.description import TEMPERED_AGES


def by_class(gender_temperature: float, age_temperatures: list[float]) -> list[np.ndarray]:
    """Temperatures of the genders, (2,), and of the ages, (101,), see `Description.calibration`."""
    ages = np.exp(np.interp(AGES, TEMPERED_AGES, np.log(age_temperatures)))
    return [np.full(len(GENDERS), gender_temperature), ages]


def tempered(estimates: Estimates, temperatures: list[np.ndarray]) -> Estimates:
    """Estimates at other temperatures, above 0, by class, see `models.heads.temper`."""
    gender, age = (_scores(of) / t for of, t in zip(_heads(estimates), temperatures, strict=True))
    return Estimates.of(_softmax(gender)[:, 0], _softmax(age))


def averaged(one: Estimates, other: Estimates) -> Estimates:
    """Estimates of the mean scores of both."""
    gender, age = (
        (_scores(a) + _scores(b)) / 2 for a, b in zip(_heads(one), _heads(other), strict=True)
    )
    return Estimates.of(_softmax(gender)[:, 0], _softmax(age))


def _heads(estimates: Estimates) -> tuple[np.ndarray, np.ndarray]:
    """Distributions of gender (N, 2) and age (N, 101)."""
    genders = np.stack([estimates.p_female, 1 - estimates.p_female], axis=1)
    return genders, estimates.age_distribution


def _scores(distributions: np.ndarray) -> np.ndarray:
    """Scores, less their mean, of softmaxes (N, classes): their logarithms, less their mean."""
    scores = np.log(np.maximum(distributions.astype(np.float64), np.finfo(np.float32).tiny))
    return scores - scores.mean(axis=1, keepdims=True)


def _softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
