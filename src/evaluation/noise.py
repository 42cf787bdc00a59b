"""Which labels are probably wrong, and how many: suspicion per face, and rates of label noise."""

from dataclasses import dataclass
from functools import partial

import numpy as np

from ..estimation.estimator import Estimates
from ..labels import AGES, GENDERS, MAX_AGE, age_midpoint, whole_years
from .intervals import EXTREME, Interval, wilson, with_intervals
from .results import Labels

BAND = 10  # years, of the age classes of confident learning
_SMOOTH = 2.0  # years, standard deviation: a label of a year next to it is as right
_STEPS = 100  # of the expectation maximization
_PRIOR = np.array([17.0, 1, 1, 1])  # faces with right label, wrong age, wrong gender, both wrong
# Of the logarithm of the temperature, the logit of the share of wrong labels, and the tilt.
_BOUNDS = ((-2, 2), (-7, 0), (-3, 3))


@dataclass(frozen=True)
class Suspicion:
    """Suspicion of N labels.

    p_age, p_gender: float64 (N,), probability of the label under the calibrated prediction; NaN if
        unknown.
    age, gender, either: float64 (N,), 0..1, probability that the label is wrong.
    """

    p_age: np.ndarray
    p_gender: np.ndarray
    age: np.ndarray
    gender: np.ndarray
    either: np.ndarray


def suspect(labels: Labels, estimates: Estimates) -> Suspicion:
    """The probability that each label is wrong.

    The label of a face comes from the prediction of a network that never saw the face, or from all
    labels, as another face's would: age, gender, both or neither. The calibration of the prediction
    (a temperature, and for ages a tilt towards the ages of this dataset) and the shares of the four
    cases are fitted by maximum likelihood, so that wrong labels do not make the network look
    overconfident; the rest is Bayes' rule.
    """
    low, high = (np.clip(whole_years(end), 0, MAX_AGE) for end in (labels.age_low, labels.age_high))
    years = (low[:, None] <= AGES) & (AGES <= high[:, None])
    kernel = np.exp(-(((AGES - AGES[:, None]) / _SMOOTH) ** 2) / 2)
    kernel /= kernel.sum(axis=1, keepdims=True)
    genders = np.stack([estimates.p_female, 1 - estimates.p_female], axis=1)
    is_gender = labels.gender[:, None] == np.arange(len(GENDERS))
    p_age, any_age = _probabilities(estimates.age_distribution, years, kernel, (AGES - 50) / 10)
    p_gender, any_gender = _probabilities(genders, is_gender, np.eye(2), np.zeros(2))
    # Likelihoods of four cases: right, age wrong, gender wrong, both wrong; 1 if unknown.
    right = [np.where(np.isnan(p), 1, p) for p in (p_age, p_gender)]
    cases = np.stack(
        [
            right[0] * right[1],
            any_age * right[1],
            right[0] * any_gender,
            any_age * any_gender,
        ]
    )
    shares = _PRIOR[:, None] / _PRIOR.sum()
    for _ in range(_STEPS):
        posterior = shares * cases / np.maximum((shares * cases).sum(axis=0), 1e-30)
        shares = (posterior.sum(axis=1) + _PRIOR)[:, None] / (len(labels) + _PRIOR.sum())
    _, age, gender, both = posterior  # a label that another face lent may still be right
    return Suspicion(
        p_age,
        p_gender,
        (age + both) * (1 - right[0]),
        (gender + both) * (1 - right[1]),
        age * (1 - right[0]) + gender * (1 - right[1]) + both * (1 - right[0] * right[1]),
    )


def _probabilities(
    p: np.ndarray, label: np.ndarray, kernel: np.ndarray, tilt: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Probability of each label under its calibrated prediction, NaN if unknown, and among all
    labels, 1 if unknown; float64 (N,) each.

    p: predictions, (N, C).  label: bool (N, C).  kernel: smoothing of predictions, (C, C).
    tilt: (C,), the logarithm of an optional factor of predictions, in units of its slope.
    """
    from scipy.optimize import minimize

    known = label.any(axis=1)
    calibrated, among_all = np.full(len(label), np.nan), np.ones(len(label))
    if not known.any():
        return calibrated, among_all
    logits = np.log(np.maximum(p[known].astype(np.float64), 1e-30))
    own = label[known].astype(np.float64)
    weights, smoothed = own / own.sum(axis=1, keepdims=True), own @ kernel.T
    others = weights.sum(axis=0) - weights + 1 / own.shape[1]  # without the face itself
    among = np.einsum("nc,nc->n", others, smoothed) / len(own)

    def predicted(values: np.ndarray) -> np.ndarray:
        scaled = logits / np.exp(values[0]) + values[2] * tilt
        powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        return np.einsum("nc,nc->n", powers, smoothed) / powers.sum(axis=1)

    def loss(values: np.ndarray) -> float:
        share = 1 / (1 + np.exp(-values[1]))
        likelihood = (1 - share) * predicted(values) + share * among
        prior = _PRIOR[0] * np.log(1 - share) + _PRIOR[1:].sum() * np.log(share)
        return -np.log(np.maximum(likelihood, 1e-30)).mean() - prior / len(own)

    best = minimize(loss, (0.0, -2.0, 0.0), method="L-BFGS-B", bounds=_BOUNDS)
    calibrated[known], among_all[known] = predicted(best.x), among
    return calibrated, among_all


def one_label_per_image(right: np.ndarray, identity: np.ndarray, labels: Labels) -> np.ndarray:
    """Probabilities that labels are right, float64 (N,), where identical images have several.

    At most one label of an image is right: their probabilities are scaled to sum to at most 1.
    """
    right = right.copy()
    _, image, count = np.unique(identity, return_inverse=True, return_counts=True)
    order = np.argsort(image, kind="stable")
    for rows in np.split(order, np.cumsum(count)[:-1]):
        if len(rows) > 1:
            values = np.stack([labels.age_low, labels.age_high, labels.gender])[:, rows]
            _, label = np.unique(np.nan_to_num(values, nan=-1), axis=1, return_inverse=True)
            best = np.zeros(label.max() + 1)
            np.maximum.at(best, label.ravel(), right[rows])
            right[rows] /= max(1.0, best.sum()) if len(best) > 1 else 1.0
    return right


def noise_rates(
    labels: Labels, estimates: Estimates, seed: int = 0, resamples: int = 200
) -> dict[str, Interval]:
    """Share of wrong labels with a 95 % interval, by class: "age" bands of ten years and "gender".

    Confident learning: a face is counted as of the class that it is predicted as at least as
    confidently as faces with that label are on average; the counts by label and such class are
    scaled to the number of labels. Of ages only classes that are not next to the label's band count
    as wrong, as a person of 29 may well look 31. Northcutt, Jiang & Chuang, "Confident learning:
    estimating uncertainty in dataset labels", JAIR 2021.
    """
    age = estimates.age_distribution.astype(np.float64)
    band = np.minimum(AGES // BAND, 7)
    middle = np.minimum(age_midpoint(labels.age_low, labels.age_high), MAX_AGE)
    bands = np.stack([age[:, band == each].sum(axis=1) for each in range(8)], axis=1)
    genders = np.stack([estimates.p_female, 1 - estimates.p_female], axis=1).astype(np.float64)
    found = {}
    for name, p, label, tolerance in (
        ("age", bands, np.minimum(middle // BAND, 7), 1),
        ("gender", genders, labels.gender, 0),
    ):
        known = ~np.isnan(label)
        if known.any():
            rate = partial(_noise_rates, p[known], label[known].astype(int), tolerance)
            units = labels.units()[known]
            value, low, high = with_intervals({name: rate}, units, seed, resamples)[name]
            if min(value, 1 - value) * len(units) < EXTREME:
                low, high = wilson(value, len(np.unique(units)))
            found[name] = value, float(max(low, 0)), float(min(high, 1))
    return found


def _noise_rates(
    p: np.ndarray, label: np.ndarray, tolerance: int, weights: np.ndarray
) -> np.ndarray:
    """Share of wrong labels, float64 (B,), of faces that count `weights` times, (B, N).

    p: (N, C).  label: int (N,).  tolerance: distance of classes that is not an error.
    """
    return np.array([_noise_rate(p, label, tolerance, row) for row in weights])


def _noise_rate(p: np.ndarray, label: np.ndarray, tolerance: int, weights: np.ndarray) -> float:
    count = p.shape[1]
    counts = np.bincount(label, weights, count)
    own = p[np.arange(len(p)), label]
    thresholds = np.bincount(label, weights * own, count) / np.maximum(counts, 1e-9)
    thresholds[counts == 0] = np.inf  # no label of this class
    confident = np.where(p >= thresholds, p, -1)
    guess, sure = confident.argmax(axis=1), confident.max(axis=1) >= 0
    joint = np.bincount(label[sure] * count + guess[sure], weights[sure], count**2)
    joint = joint.reshape(count, count)
    joint *= (counts / np.maximum(joint.sum(axis=1), 1e-9))[:, None]
    classes = np.arange(count)
    wrong = np.abs(classes[:, None] - classes) > tolerance
    return float(joint[wrong].sum() / max(joint.sum(), 1e-9))
