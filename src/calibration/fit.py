"""Fitting of temperatures by bisection."""

from collections.abc import Callable

import numpy as np

from src.calibration.temperatures import from_scores, scores
from src.errors import UserError
from src.estimation.estimator import Estimates
from src.evaluation.metrics import covered_shares
from src.evaluation.results import Labels
from src.evaluation.slices import age_bands

MASS = 0.8  # nominal coverage of age intervals
LARGE = 100  # faces: coverage of smaller age bands is not reliable
MIN_OF_BAND = 0.70  # coverage of large age bands
_MAX_MASS = 0.82  # coverage of all ages to which narrow age bands may raise the temperature
_MAX_TEMPERATURE = 8.0  # of the search; its inverse is the minimum
_HALVINGS = 20


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
