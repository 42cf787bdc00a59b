"""Temperature scaling: maximum-likelihood fit, and application to estimates and networks.

A temperature, above 0, divides the scores (logits) of a head; above 1 it reduces confidence. Guo et
al., "On calibration of modern neural networks", ICML 2017, https://arxiv.org/abs/1706.04599.
"""

from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, logsumexp, softmax

from ..estimation.estimator import Estimates
from ..models.description import OUTPUTS

HEADS = ("gender", "age")  # in the order of OUTPUTS
_PRIOR = 0.5  # standard deviation of the logarithm of a temperature before any face is seen
_MAX_TEMPERATURE = 8.0  # of the search; its inverse is the minimum


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


def scale(estimates: Estimates, calibration: dict) -> Estimates:
    """Estimates at the temperatures of a `Description.calibration`."""
    scores = (_scores(getattr(estimates, f"{head}_distribution")) for head in HEADS)
    temperatures = (calibration[f"{head}_temperature"] for head in HEADS)
    gender, age = (softmax(s / t, axis=1) for s, t in zip(scores, temperatures, strict=True))
    return Estimates.of(gender[:, 0].astype(np.float32), age.astype(np.float32))


def scale_network(model: Any, calibration: dict) -> None:
    """Divide the weights of a Keras model's heads by temperatures, in place, see `scale`."""
    for output, head in zip(OUTPUTS, HEADS, strict=True):
        layer, temperature = model.get_layer(output), np.float32(calibration[f"{head}_temperature"])
        layer.set_weights([weight / temperature for weight in layer.get_weights()])


def _scores(distribution: np.ndarray) -> np.ndarray:
    """Scores, up to a constant per face, float64 (N, classes)."""
    return np.log(np.maximum(distribution, np.finfo(np.float32).tiny), dtype=np.float64)
