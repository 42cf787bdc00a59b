"""What a model would say if the scores of its heads were others: for checks of graphs."""

import numpy as np

from src.estimation.estimator import Estimates


def tempered(estimates: Estimates, gender_temperature: float, age_temperature: float) -> Estimates:
    """Estimates at other temperatures, above 0, see `models.heads.temper`.

    A softmax of scores s / T is, but for its sum, that of s to the power of 1 / T.
    """
    return Estimates.of(
        _power(_genders(estimates), gender_temperature)[:, 0],
        _power(estimates.age_distribution, age_temperature),
    )


def _power(distribution: np.ndarray, temperature: float) -> np.ndarray:
    powers = distribution.astype(np.float64) ** (1 / temperature)
    return (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)


def averaged(one: Estimates, other: Estimates) -> Estimates:
    """Estimates of the mean scores of both: their geometric mean, but for its sum."""
    return Estimates.of(
        _power(_genders(one) * _genders(other), 2)[:, 0],
        _power(one.age_distribution * other.age_distribution, 2),
    )


def _genders(estimates: Estimates) -> np.ndarray:
    return np.stack([estimates.p_female, 1 - estimates.p_female], axis=1)
