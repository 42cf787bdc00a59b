"""What a model would say if the scores of its heads were divided by temperatures."""

import numpy as np

from src.estimation.estimator import Estimates


def tempered(estimates: Estimates, gender_temperature: float, age_temperature: float) -> Estimates:
    """Estimates at other temperatures, above 0, see `models.heads.temper`.

    A softmax of scores s / T is, but for its sum, that of s to the power of 1 / T.
    """
    genders = np.stack([estimates.p_female, 1 - estimates.p_female], axis=1)
    return Estimates.of(
        _power(genders, gender_temperature)[:, 0],
        _power(estimates.age_distribution, age_temperature),
    )


def _power(distribution: np.ndarray, temperature: float) -> np.ndarray:
    powers = distribution.astype(np.float64) ** (1 / temperature)
    return (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
