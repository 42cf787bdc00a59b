"""Temperature scaling: fitting by maximum likelihood, and application to estimates and networks.

Guo et al., "On calibration of modern neural networks", ICML 2017,
https://arxiv.org/abs/1706.04599.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..estimation.estimator import Estimates
from ..evaluation.results import Labels
from ..labels import MAX_AGE, age_targets, whole_years
from ..models.description import OUTPUTS

if TYPE_CHECKING:
    import keras

_PRIOR = 0.5  # standard deviation of the logarithm of a temperature before any face is seen
_MAX_TEMPERATURE = 8.0  # of the search; its inverse is the minimum


@dataclass(frozen=True)
class Temperatures:
    """Divisors, above 0, of the scores (logits) of both heads; above 1 reduces confidence."""

    gender: float
    age: float

    @classmethod
    def of(cls, calibration: dict) -> Temperatures:
        """The temperatures in a `Description.calibration`."""
        return cls(calibration["gender_temperature"], calibration["age_temperature"])

    def scale(self, estimates: Estimates) -> Estimates:
        """Estimates at these temperatures."""
        gender, age = scores(estimates)
        return from_scores(gender / self.gender, age / self.age)

    def scale_network(self, model: keras.Model) -> None:
        """Divide the weights of a network's heads, in place."""
        for name, temperature in zip(OUTPUTS, (self.gender, self.age), strict=True):
            head = model.get_layer(name)
            head.set_weights([weight / np.float32(temperature) for weight in head.get_weights()])


def scores(estimates: Estimates) -> tuple[np.ndarray, np.ndarray]:
    """Scores of gender (N, 2) and age (N, 101), up to a constant per face, float64."""
    genders = np.stack([estimates.p_female, 1 - estimates.p_female], axis=1)
    tiny = np.finfo(np.float32).tiny
    both = (genders, estimates.age_distribution)
    gender, age = (np.log(np.maximum(each.astype(np.float64), tiny)) for each in both)
    return gender, age


def from_scores(gender: np.ndarray, age: np.ndarray) -> Estimates:
    """Estimates from scores of gender (N, 2) and age (N, 101)."""
    gender, age = (np.exp(_log_softmax(each)).astype(np.float32) for each in (gender, age))
    return Estimates.of(gender[:, 0], age)


def _log_softmax(scores: np.ndarray) -> np.ndarray:
    scores = scores - scores.max(axis=1, keepdims=True)
    return scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))


def fit_gender(estimates: Estimates, labels: Labels) -> float:
    """The most probable temperature of the gender; all genders are known."""
    true = labels.gender[:, None] == (0, 1)
    logits, _ = scores(estimates)
    return _fit(lambda t: _log_softmax(logits / t)[true].sum())


def fit_age(estimates: Estimates, labels: Labels) -> float:
    """The most probable temperature of the age; all ages are known.

    The likelihood of a range is the probability of its years (interval-censored).
    """
    low, high = (np.clip(whole_years(end), 0, MAX_AGE) for end in (labels.age_low, labels.age_high))
    outside = np.where(age_targets(low, high) > 0, 0, -np.inf)
    _, logits = scores(estimates)

    def log_likelihood(temperature: float) -> float:
        within = _log_softmax(logits / temperature) + outside
        return np.logaddexp.reduce(within, axis=1).sum()

    return _fit(log_likelihood)


def _fit(log_likelihood: Callable[[float], float]) -> float:
    """The maximum of likelihood times prior, a normal distribution of the logarithm around 0.

    Like Platt's ("Probabilistic outputs for support vector machines", 1999), the prior keeps few
    faces without an error from certainty; it is weaker than some ten faces.
    """
    from scipy.optimize import minimize_scalar

    end = np.log(_MAX_TEMPERATURE)
    found = minimize_scalar(
        lambda log_t: (log_t / _PRIOR) ** 2 / 2 - log_likelihood(np.exp(log_t)),
        bounds=(-end, end),
        method="bounded",
    )
    return float(np.exp(found.x))
