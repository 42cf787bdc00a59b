"""Losses, and class weights.

Every loss takes targets and predictions, (N, 2) or (N, 101), and returns the loss per row, float32
(N,). A target is a distribution times the weight of its row: it sums to 1 for a known label, to 0
for an unknown one, to less than 1 if mixup mixed both. The loss is the loss of the distribution
times this sum, so that missing labels are masked out.
"""

from collections.abc import Callable

import keras
import numpy as np
from keras import ops

from ..extras import resolve
from ..labels import AGES, age_targets, gender_targets
from ..models.description import OUTPUTS
from .arguments import AGE_LOSSES, BALANCES, LOSSES

FOCUS = 2.0  # gamma of the focal loss, the paper's default
BLUR = 2.0  # years, as in Gao et al. for datasets that record no spread
MEAN_WEIGHT, VARIANCE_WEIGHT = 0.2, 0.05  # lambda 1 and 2 of Pan et al.
NEIGHBOURS = 2  # years on each side in the frequency of an age

Loss = Callable[[object, object], object]


def gender_loss(loss: str = "ce", label_smoothing: float = 0.0) -> Loss:
    """The gender loss: `loss` is a key of `LOSSES`.

    label_smoothing: Szegedy et al., CVPR 2016, https://arxiv.org/abs/1512.00567.
    """
    classify = resolve(LOSSES[loss])

    def smoothed(targets, predictions):
        even = label_smoothing / targets.shape[-1]
        return classify(targets * (1 - label_smoothing) + even, predictions)

    return _weighted(smoothed)


def age_loss(age_loss: str = "ce", loss: str = "ce", label_smoothing: float = 0.0) -> Loss:
    """The age loss: `age_loss` is a key of `AGE_LOSSES`.

    loss, label_smoothing: of `gender_loss`, if the age loss includes --loss.
    """
    terms = [
        gender_loss(loss, label_smoothing) if term == "loss" else _weighted(resolve(term))
        for term in AGE_LOSSES[age_loss]
    ]
    return lambda targets, predictions: sum(term(targets, predictions) for term in terms)


def _weighted(loss: Loss) -> Loss:
    """`loss` of normalized targets, times the sum of each target.

    Without this, TensorFlow would push predictions for unknown labels towards uniform, as it fuses
    the gradients of softmax and cross-entropy as if every target summed to 1.
    """

    def weighted(targets, predictions):
        targets, predictions = ops.cast(targets, "float32"), ops.cast(predictions, "float32")
        weights = ops.sum(targets, axis=-1)
        divisor = ops.expand_dims(weights, -1)
        any_label = ops.ones_like(targets) / targets.shape[-1]
        labels = ops.where(divisor > 0, targets / ops.maximum(divisor, 1e-7), any_label)
        return weights * loss(labels, predictions)

    return weighted


def cross_entropy(labels, predictions):
    """Cross-entropy, (N,), in nats, of distributions that sum to 1."""
    return keras.losses.categorical_crossentropy(labels, predictions)


def focal(labels, predictions):
    """Focal loss, (N,): cross-entropy with less weight on well-predicted rows.

    (1 - p)^2 * -log p per row: Lin et al., ICCV 2017, https://arxiv.org/abs/1708.02002. For an age
    range or a mixed label, log p is the expectation of the classes' log p under the label.
    """
    entropy = cross_entropy(labels, predictions)
    return (1 - ops.exp(-entropy)) ** FOCUS * entropy


def label_distribution(labels, predictions):
    """Label distribution learning, (N,): divergence from the blurred label plus error in years.

    Kullback-Leibler divergence of the prediction from the label blurred by a Gaussian of 2 years,
    truncated at 0 and 100 and normalized: neighbouring ages look alike, and ages from years of
    birth and of photo are uncertain by about as much. Gao et al., "Deep label distribution learning
    with label ambiguity", TIP 2017, https://arxiv.org/abs/1611.01731.
    Plus the distance in years between the expectations of label and prediction, with weight 1: Gao
    et al., "Age estimation using expectation of label distribution learning", IJCAI 2018,
    https://www.ijcai.org/proceedings/2018/99.
    """
    blurred = ops.matmul(labels, ops.convert_to_tensor(_gaussians(), "float32"))
    negative_entropy = ops.sum(blurred * ops.log(ops.maximum(blurred, 1e-30)), axis=-1)
    divergence = cross_entropy(blurred, predictions) + negative_entropy
    return divergence + ops.abs(_expectation(predictions) - _expectation(labels))


def _gaussians() -> np.ndarray:
    """Blurred distribution per age, (101, 101)."""
    densities = np.exp(-((AGES[:, None] - AGES) ** 2) / (2 * BLUR**2))
    return densities / densities.sum(axis=1, keepdims=True)


def mean_and_variance(labels, predictions):
    """Mean loss plus variance loss, (N,), to add to cross-entropy.

    0.2 times half the squared distance between the expectations of prediction and label, plus 0.05
    times the prediction's variance, in squared years: Pan et al., "Mean-variance loss for deep age
    estimation from a face", CVPR 2018. The expectation of an age range is its middle.
    """
    mean = _expectation(predictions)
    ages = ops.convert_to_tensor(AGES, "float32")
    variance = ops.sum(predictions * (ages - ops.expand_dims(mean, -1)) ** 2, axis=-1)
    squared = (mean - _expectation(labels)) ** 2
    return MEAN_WEIGHT * squared / 2 + VARIANCE_WEIGHT * variance


def _expectation(distributions):
    return ops.sum(distributions * ops.convert_to_tensor(AGES, "float32"), axis=-1)


def class_weights(
    balance: str, age_low: np.ndarray, age_high: np.ndarray, gender: np.ndarray
) -> dict[str, np.ndarray]:
    """Class weights per row for the loss of each output, float32 (N,).

    Weights are 1 for unknown labels and have a mean of 1 over known ones.
    balance: "inverse": 1 / frequency of the label; "sqrt": its square root; or "none". The
        frequency of an age is smoothed over the years from 2 below to 2 above it, and a range is
        uniform over its years: Yang et al., "Delving into deep imbalanced regression", ICML 2021,
        https://arxiv.org/abs/2102.09554. The frequency of a gender is computed among faces of the
        same age, as there are few children and old people; unknown ages are uniform.
    age_low, age_high, gender: labels (N,), NaN if unknown.
    """
    genders, ages = gender_targets(gender), age_targets(age_low, age_high)
    known = {"pred_gender": genders.any(axis=1), "pred_age": ages.any(axis=1)}
    counts = {"pred_age": _frequencies(ages[known["pred_age"]], ages)}
    spread = np.where(known["pred_age"][:, None], ages, 1 / len(AGES))
    by_gender = [_frequencies(spread[column > 0], spread) for column in genders.T]
    counts["pred_gender"] = (genders * np.transpose(by_gender)).sum(axis=1)
    weights = {}
    for name in OUTPUTS:
        weight = np.ones(len(ages))
        weight[known[name]] = counts[name][known[name]] ** BALANCES[balance]
        weight[known[name]] /= weight[known[name]].mean() if known[name].any() else 1
        weights[name] = weight.astype(np.float32)
    return weights


def _frequencies(counted: np.ndarray, ages: np.ndarray) -> np.ndarray:
    """Smoothed frequency of each of `ages` (N, 101) among `counted` (M, 101), float64 (N,)."""
    window = np.ones(2 * NEIGHBOURS + 1)
    there = np.convolve(np.ones(len(AGES)), window, "same")  # fewer years at the ends
    return ages @ (np.convolve(counted.sum(axis=0), window, "same") / there)
