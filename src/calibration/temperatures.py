"""Temperature scaling: maximum-likelihood fit, and application to estimates and networks.

Guo et al., "On calibration of modern neural networks", ICML 2017,
https://arxiv.org/abs/1706.04599.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, logsumexp, softmax

from ..estimation.estimator import Estimates
from ..models.description import OUTPUTS

if TYPE_CHECKING:
    import keras

_PRIOR = 0.5  # standard deviation of the logarithm of a temperature before any face is seen
_MAX_TEMPERATURE = 8.0  # of the search; its inverse is the minimum


class Temperatures(NamedTuple):
    """Divisors, above 0, of the scores (logits) of both heads; above 1 reduces confidence."""

    gender: float
    age: float

    @classmethod
    def of(cls, calibration: dict) -> Temperatures:
        """The temperatures in a `Description.calibration`."""
        return cls(calibration["gender_temperature"], calibration["age_temperature"])

    def scale(self, estimates: Estimates) -> Estimates:
        """Estimates at these temperatures."""
        gender, age = (
            softmax(_scores(distribution) / temperature, axis=1).astype(np.float32)
            for distribution, temperature in zip(distributions(estimates), self, strict=True)
        )
        return Estimates.of(gender[:, 0], age)

    def scale_network(self, model: keras.Model) -> None:
        """Divide the weights of a network's heads, in place."""
        for name, temperature in zip(OUTPUTS, self, strict=True):
            head = model.get_layer(name)
            head.set_weights([weight / np.float32(temperature) for weight in head.get_weights()])


def distributions(estimates: Estimates) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of the genders (N, 2) and of the ages (N, 101)."""
    genders = np.stack([estimates.p_female, 1 - estimates.p_female], axis=1)
    return genders, estimates.age_distribution


def _scores(distribution: np.ndarray) -> np.ndarray:
    """Scores, up to a constant per face, float64 (N, classes)."""
    return np.log(np.maximum(distribution, np.finfo(np.float32).tiny), dtype=np.float64)


def fit(distribution: np.ndarray, targets: np.ndarray) -> float:
    """The most probable temperature of a head.

    The likelihood of a label is the probability of its classes (interval-censored for age ranges).
    The prior is normal in the logarithm, around 0. Like Platt's ("Probabilistic outputs for support
    vector machines", 1999), it keeps few faces without an error from certainty; it is weaker than
    some ten faces.

    Args:
        distribution: probabilities (N, classes).
        targets: labels, above 0 in the classes that they include, (N, classes).
    """
    scores, outside = _scores(distribution), np.where(targets > 0, 0, -np.inf)

    def loss(log_t: float) -> float:
        log_likelihoods = logsumexp(log_softmax(scores / np.exp(log_t), axis=1) + outside, axis=1)
        return (log_t / _PRIOR) ** 2 / 2 - log_likelihoods.sum()

    end = np.log(_MAX_TEMPERATURE)
    return float(np.exp(minimize_scalar(loss, bounds=(-end, end), method="bounded").x))
