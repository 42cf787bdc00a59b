"""Temperature scaling of estimates and networks.

Guo et al., "On calibration of modern neural networks", ICML 2017,
https://arxiv.org/abs/1706.04599.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from src.estimation.estimator import Estimates
from src.models.description import OUTPUTS

if TYPE_CHECKING:
    import keras


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
    return Estimates.of(_softmax(gender)[:, 0], _softmax(age))


def _softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
