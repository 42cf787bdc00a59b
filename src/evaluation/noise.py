"""Which labels are probably wrong, and how many: suspicion per face, and rates of label noise."""

from functools import partial

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import expit, softmax

from ..estimation.estimator import Estimates
from ..labels import AGES, GENDERS, age_midpoint
from .intervals import EXTREME, Interval, wilson, with_intervals
from .measures import whole_ranges
from .results import units
from .subgroups import AGE_BANDS, age_band

_SMOOTH = 2.0  # years, standard deviation: a label of a year next to it is as right
_STEPS = 100  # of the expectation maximization
_PRIOR = np.array([17.0, 1, 1, 1])  # faces with right label, wrong age, wrong gender, both wrong
# Of the logarithm of the temperature, the logit of the share of wrong labels, and the tilt.
_BOUNDS = ((-2, 2), (-7, 0), (-3, 3))


def suspect(labels: pd.DataFrame, estimates: Estimates) -> pd.DataFrame:
    """The probability that each label is wrong.

    The label of a face comes from the prediction of a network that never saw the face, or from all
    labels, as another face's would: age, gender, both or neither. The calibration of the prediction
    (a temperature, and for ages a tilt towards the ages of this dataset) and the shares of the four
    cases are fitted by maximum likelihood, so that wrong labels do not make the network look
    overconfident; the rest is Bayes' rule.

    Returns:
        One row per label. `p_age`, `p_gender`: probability of the label under the calibrated
        prediction, NaN if unknown. `age`, `gender`, `either`: probability that it is wrong, 0..1.
    """
    low, high = whole_ranges(labels)
    years = (low[:, None] <= AGES) & (AGES <= high[:, None])
    kernel = np.exp(-(((AGES - AGES[:, None]) / _SMOOTH) ** 2) / 2)
    kernel /= kernel.sum(axis=1, keepdims=True)
    is_gender = labels["gender"].to_numpy()[:, None] == np.arange(len(GENDERS))
    p_age, any_age = _probabilities(estimates.age_distribution, years, kernel, (AGES - 50) / 10)
    p_gender, any_gender = _probabilities(
        estimates.gender_distribution.astype(np.float64), is_gender, np.eye(2), np.zeros(2)
    )
    # Likelihoods of four cases: right, age wrong, gender wrong, both wrong; 1 if unknown.
    ages = np.stack([np.nan_to_num(p_age, nan=1), any_age])
    genders = np.stack([np.nan_to_num(p_gender, nan=1), any_gender])
    cases = (genders[:, None] * ages).reshape(4, -1)
    shares = _PRIOR[:, None] / _PRIOR.sum()
    for _ in range(_STEPS):
        posterior = shares * cases / np.maximum((shares * cases).sum(axis=0), 1e-30)
        shares = (posterior.sum(axis=1) + _PRIOR)[:, None] / (len(labels) + _PRIOR.sum())
    _, age, gender, both = posterior  # a label that another face lent may still be right
    columns = {
        "p_age": p_age,
        "p_gender": p_gender,
        "age": (age + both) * (1 - ages[0]),
        "gender": (gender + both) * (1 - genders[0]),
        "either": age * (1 - ages[0]) + gender * (1 - genders[0]) + both * (1 - cases[0]),
    }
    return pd.DataFrame(columns, labels.index)


def _probabilities(
    p: np.ndarray, label: np.ndarray, kernel: np.ndarray, tilt: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Probability of each label under its calibrated prediction, NaN if unknown, and among all
    labels, 1 if unknown; float64 (N,) each.

    p: predictions, (N, C).  label: bool (N, C).  kernel: smoothing of predictions, (C, C).
    tilt: (C,), the logarithm of an optional factor of predictions, in units of its slope.
    """
    known = label.any(axis=1)
    calibrated, among_all = np.full(len(label), np.nan), np.ones(len(label))
    if not known.any():
        return calibrated, among_all
    logits = np.log(np.maximum(p[known].astype(np.float64), 1e-30))
    own = label[known].astype(np.float64)
    weights, smoothed = own / own.sum(axis=1, keepdims=True), own @ kernel.T
    others = weights.sum(axis=0) - weights + 1 / own.shape[1]  # without the face itself
    among = (others * smoothed).sum(axis=1) / len(own)

    def predicted(values: np.ndarray) -> np.ndarray:
        scores = logits / np.exp(values[0]) + values[2] * tilt
        return (softmax(scores, axis=1) * smoothed).sum(axis=1)

    def loss(values: np.ndarray) -> float:
        share = expit(values[1])
        likelihood = (1 - share) * predicted(values) + share * among
        prior = _PRIOR[0] * np.log(1 - share) + _PRIOR[1:].sum() * np.log(share)
        return -np.log(np.maximum(likelihood, 1e-30)).mean() - prior / len(own)

    best = minimize(loss, (0.0, -2.0, 0.0), method="L-BFGS-B", bounds=_BOUNDS)
    calibrated[known], among_all[known] = predicted(best.x), among
    return calibrated, among_all


def one_label_per_image(
    right: np.ndarray, identity: np.ndarray, labels: pd.DataFrame
) -> np.ndarray:
    """Probabilities that labels are right, float64 (N,), where identical images have several.

    At most one label of an image is right: their probabilities are scaled to sum to at most 1.
    """
    by = [identity, *labels[["age_low", "age_high", "gender"]].to_numpy().T]
    best = pd.Series(right).groupby(by, dropna=False).max()  # of equal labels
    total = best.groupby(level=0).sum()
    return right / np.maximum(total.loc[identity].to_numpy(), 1)


def noise_rates(
    labels: pd.DataFrame, estimates: Estimates, seed: int = 0, resamples: int = 200
) -> dict[str, Interval]:
    """Share of wrong labels with a 95 % interval, by class: "age" bands of ten years and "gender".

    Confident learning: a face is counted as of the class that it is predicted as at least as
    confidently as faces with that label are on average; the counts by label and such class are
    scaled to the number of labels. Of ages only classes that are not next to the label's band count
    as wrong, as a person of 29 may well look 31. Northcutt, Jiang & Chuang, "Confident learning:
    estimating uncertainty in dataset labels", JAIR 2021.
    """
    starts = 10 * np.arange(len(AGE_BANDS))
    bands = np.add.reduceat(estimates.age_distribution.astype(np.float64), starts, axis=1)
    band = age_band(age_midpoint(labels["age_low"], labels["age_high"]).to_numpy())
    gender = labels["gender"].fillna(-1).to_numpy(int)
    found = {}
    for name, p, label, tolerance in (
        ("age", bands, band, 1),
        ("gender", estimates.gender_distribution.astype(np.float64), gender, 0),
    ):
        known = label >= 0
        if known.any():
            rate = partial(_noise_rates, p[known], label[known], tolerance)
            own = units(labels)[known]
            value, *ends = with_intervals({name: rate}, own, seed, resamples)[name]
            if min(value, 1 - value) * len(own) < EXTREME:
                ends = wilson(value, len(np.unique(own)))
            found[name] = value, *np.clip(ends, 0, 1).tolist()
    return found


def _noise_rates(
    p: np.ndarray, label: np.ndarray, tolerance: int, weights: np.ndarray
) -> np.ndarray:
    """Share of wrong labels, float64 (B,), of faces that count `weights` times, (B, N).

    p: probabilities of C classes, (N, C).  label: int (N,).  tolerance: distance of classes that is
        not an error.
    """
    size, classes = p.shape[1], np.arange(p.shape[1])
    own, wrong = p[np.arange(len(p)), label], abs(classes[:, None] - classes) > tolerance
    rates = []
    for each in weights:
        counts = np.bincount(label, each, size)
        thresholds = np.bincount(label, each * own, size) / np.maximum(counts, 1e-9)
        thresholds[counts == 0] = np.inf  # no label of this class
        confident = np.where(p >= thresholds, p, -1)
        guess, sure = confident.argmax(axis=1), confident.max(axis=1) >= 0
        joint = np.zeros((size, size))
        np.add.at(joint, (label[sure], guess[sure]), each[sure])
        joint *= (counts / np.maximum(joint.sum(axis=1), 1e-9))[:, None]
        rates.append(joint[wrong].sum() / max(joint.sum(), 1e-9))
    return np.array(rates)
