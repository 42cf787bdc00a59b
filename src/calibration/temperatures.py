"""Temperature scaling: fitting by bisection, and application to estimates and networks.

Guo et al., "On calibration of modern neural networks", ICML 2017,
https://arxiv.org/abs/1706.04599.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import UserError
from ..estimation.estimator import Estimates
from ..evaluation.metrics import covered_shares
from ..evaluation.results import Labels
from ..evaluation.slices import age_bands
from ..models.description import OUTPUTS

if TYPE_CHECKING:
    import keras

MASS = 0.8  # nominal coverage of age intervals
LARGE = 100  # faces: coverage of smaller age bands is not reliable
MIN_OF_BAND = 0.70  # coverage of large age bands
_MAX_MASS = 0.82  # coverage of all ages to which narrow age bands may raise the temperature
_MAX_TEMPERATURE = 8.0  # of the search; its inverse is the minimum
_HALVINGS = 20


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


def fit_gender(p_female: np.ndarray, gender: np.ndarray) -> float:
    """The temperature of maximum likelihood.

    p_female: (N,), 0..1.  gender: (N,), 0, 1 or NaN. Raises `UserError` if no gender is known.
    """
    known = ~np.isnan(gender)
    _check_known("gender", known)
    p_female = np.clip(p_female[known].astype(np.float64), 1e-12, 1 - 1e-12)
    # Scores in favour of the true gender; the likelihood's slope in 1 / T decreases in 1 / T.
    logits = np.log(p_female / (1 - p_female)) * np.where(gender[known] == 1, -1, 1)
    return _bisect(lambda t: (logits / (1 + np.exp(logits / t))).sum() < 0)


def fit_age(estimates: Estimates, labels: Labels) -> float:
    """The temperature at which the intervals contain 80 % of the ages.

    If the coverage of a large age band is then below 70 %, the temperature rises until it is 70 %,
    or until the intervals contain 82 % of all ages. Raises `UserError` if no age is known.
    """
    known = ~np.isnan(labels.age_low)
    _check_known("age", known)
    _, age = scores(estimates)
    gender = np.zeros((int(known.sum()), 2))
    low, high, bands = labels.age_low[known], labels.age_high[known], age_bands(labels)[known]
    large = [bands == band for band in np.unique(bands) if (bands == band).sum() >= LARGE]

    def is_overconfident(temperature: float) -> bool:
        scaled = from_scores(gender, age[known] / temperature)
        covered = covered_shares((scaled.age_low, scaled.age_high), low, high)
        narrowest = min((covered[band].mean() for band in large), default=1.0)
        return covered.mean() < (MASS if narrowest >= MIN_OF_BAND else _MAX_MASS)

    return _bisect(is_overconfident)


def _check_known(label: str, known: np.ndarray) -> None:
    if not known.any():
        raise UserError(
            f"--calibrate: expected faces with a known {label}, received none; add databases that "
            "store it"
        )


def _bisect(is_overconfident: Callable[[float], bool]) -> float:
    """The lowest temperature that is not overconfident."""
    low, high = -np.log(_MAX_TEMPERATURE), np.log(_MAX_TEMPERATURE)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if is_overconfident(np.exp(middle)) else (low, middle)
    return float(np.exp((low + high) / 2))
