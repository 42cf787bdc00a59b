"""Losses, and class weights.

Every loss takes labels and predictions, distributions (N, 2) or (N, 101) that sum to 1, and returns
the loss per row, float32 (N,). Keras multiplies it by the sample weights, see `batches`.
"""

from collections.abc import Callable

import numpy as np
from keras import ops

from ..extras import resolve
from ..labels import AGES, age_targets, gender_targets
from ..models.description import OUTPUTS
from .arguments import AGE_LOSSES, BALANCES, LOSSES, Arguments

FOCUS = 2.0  # gamma of the focal loss, the paper's default
BLUR = 2.0  # years, as in Gao et al. for datasets that record no spread
MEAN_WEIGHT, VARIANCE_WEIGHT = 0.2, 0.05  # lambda 1 and 2 of Pan et al.
NEIGHBOURS = 2  # years on each side in the frequency of an age
SMALLEST = 1e-37  # probability; the smallest whose inverse float32 holds

Loss = Callable[[object, object], object]


def get_losses(arguments: Arguments) -> list[Loss]:
    """The gender and the age loss of a run.

    Label smoothing, of terms of `--loss`: Szegedy et al., CVPR 2016,
    https://arxiv.org/abs/1512.00567.
    """
    classify, smoothing = resolve(LOSSES[arguments.loss]), arguments.label_smoothing

    def smoothed(labels, predictions):
        return classify(labels * (1 - smoothing) + smoothing / labels.shape[-1], predictions)

    names = AGE_LOSSES[arguments.age_loss]
    terms = [smoothed if name == "loss" else resolve(name) for name in names]
    return [smoothed, lambda labels, predictions: sum(term(labels, predictions) for term in terms)]


def cross_entropy(labels, predictions):
    """Cross-entropy, (N,), in nats.

    Keras's own clips probabilities at 1e-7 on JAX, which ends the gradient of faces that are
    predicted wrongly with confidence.
    """
    return -ops.sum(labels * ops.log(ops.maximum(predictions, SMALLEST)), axis=-1)


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
    normalized within 0 and 100: neighbouring ages look alike, and ages from years of birth and of
    photo are uncertain by about as much. Gao et al., "Deep label distribution learning with label
    ambiguity", TIP 2017, https://arxiv.org/abs/1611.01731.
    Plus the distance in years between the expectations of label and prediction: Gao et al., "Age
    estimation using expectation of label distribution learning", IJCAI 2018,
    https://www.ijcai.org/proceedings/2018/99.
    """
    gaussians = np.exp(-((AGES[:, None] - AGES) ** 2) / (2 * BLUR**2))  # per age, (101, 101)
    gaussians /= gaussians.sum(axis=1, keepdims=True)
    blurred = ops.matmul(labels, ops.convert_to_tensor(gaussians, "float32"))
    negative_entropy = ops.sum(blurred * ops.log(ops.maximum(blurred, SMALLEST)), axis=-1)
    divergence = cross_entropy(blurred, predictions) + negative_entropy
    return divergence + ops.abs(expectation(predictions) - expectation(labels))


def mean_and_variance(labels, predictions):
    """Mean loss plus variance loss, (N,), to add to cross-entropy.

    0.2 times half the squared distance between the expectations of prediction and label, plus 0.05
    times the prediction's variance, in squared years: Pan et al., "Mean-variance loss for deep age
    estimation from a face", CVPR 2018. The expectation of an age range is its middle.
    """
    mean = expectation(predictions)
    ages = ops.convert_to_tensor(AGES, "float32")
    variance = ops.sum(predictions * (ages - ops.expand_dims(mean, -1)) ** 2, axis=-1)
    squared = (mean - expectation(labels)) ** 2
    return MEAN_WEIGHT * squared / 2 + VARIANCE_WEIGHT * variance


def expectation(distributions):
    """Expectation in years, (N,), of age distributions (N, 101)."""
    return ops.sum(distributions * ops.convert_to_tensor(AGES, "float32"), axis=-1)


def class_weights(
    arguments: Arguments, age_low: np.ndarray, age_high: np.ndarray, gender: np.ndarray
) -> dict[str, np.ndarray]:
    """Class weights of `--balance` per row for the loss of each output, float32 (N,).

    Weights are 1 for unknown labels and have a mean of 1 over known ones, before `--max_weight`
    limits them: "inverse", 1 / frequency of the label, or "sqrt", its square root. The frequency of
    an age is smoothed over the years from 2 below to 2 above it, and a range is uniform over its
    years: Yang et al., "Delving into deep imbalanced regression", ICML 2021,
    https://arxiv.org/abs/2102.09554. The frequency of a gender is its share of the faces of the
    same ages plus one imaginary face of each gender; unknown ages are uniform.

    age_low, age_high, gender: labels (N,), NaN if unknown.
    """
    genders, ages = gender_targets(gender), age_targets(age_low, age_high)
    is_gender, is_age = ~np.isnan(gender), ~np.isnan(age_low)
    window = np.ones(2 * NEIGHBOURS + 1)
    faces = [np.convolve(ages[is_gender & (gender == g)].sum(0), window, "same") for g in (0, 1)]
    share = (np.stack(faces) + 1) / (np.sum(faces, axis=0) + 2)  # (2, 101)
    years = np.convolve(np.ones(len(AGES)), window, "same")  # fewer at the ends
    per_year = np.convolve(ages[is_age].sum(0), window, "same") / years
    frequencies = ((ages @ share.T) * genders).sum(axis=1), ages @ per_year
    weights = {}
    for name, known, frequency in zip(OUTPUTS, (is_gender, is_age), frequencies, strict=True):
        weight = np.ones(len(ages))
        weight[known] = frequency[known] ** BALANCES[arguments.balance]
        weight[known] /= weight[known].mean() if known.any() else 1
        weights[name] = np.minimum(weight, arguments.max_weight).astype(np.float32)
    return weights
