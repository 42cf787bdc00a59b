"""Metrics of training and validation, on faces with a known label.

Labels and predictions are distributions, (N, 2) or (N, 101); the sample weight of an unknown label
is 0.
"""

from collections.abc import Callable

import keras
from keras import ops

from ..labels import AGES
from ..models.description import OUTPUTS
from .losses import Loss, expectation

# The output of each metric, by name in history.csv.
METRICS = {f"{OUTPUTS[0]}_{name}": OUTPUTS[0] for name in ("loss", "accuracy")}
METRICS |= {f"{OUTPUTS[1]}_{name}": OUTPUTS[1] for name in ("loss", "mae", "top5")}


class LabelledMean(keras.metrics.Mean):
    """The mean of `function(labels, predictions)`, (N,), over the faces with a known label."""

    def __init__(self, function: Callable, name: str):
        super().__init__(name=name)
        self._function = function

    def update_state(self, labels, predictions, sample_weight):
        known = ops.cast(sample_weight > 0, "float32")
        super().update_state(self._function(labels, predictions), known)


def accuracy(labels, predictions):
    """Whether the most likely class is the label's, (N,)."""
    same = ops.equal(ops.argmax(labels, axis=-1), ops.argmax(predictions, axis=-1))
    return ops.cast(same, "float32")


def age_error(labels, predictions):
    """Distance in years, (N,), of the predicted expectation to the label's range, 0 within.

    `labels.age_errors`, without the sign. The labels are those of the database: all years with a
    probability above 0 are the range.
    """
    ages = ops.convert_to_tensor(AGES, "float32")
    low = ops.min(ops.where(labels > 0, ages, AGES[-1]), -1)
    high = ops.max(ops.where(labels > 0, ages, 0.0), -1)
    age = expectation(predictions)
    return ops.abs(age - ops.clip(age, low, high))


def mixed_age_error(labels, predictions):
    """Distance in years, (N,), between the expectations of prediction and label.

    For labels that mixup or a teacher's predictions mixed, which have no range; `age_error` for
    exact ages.
    """
    return ops.abs(expectation(predictions) - expectation(labels))


def age_top5(labels, predictions):
    """Whether the label's age, or any year of its range, is among the five most likely ages,
    (N,)."""
    labelled = ops.cast(labels >= ops.max(labels, axis=-1, keepdims=True), "float32")
    five = ops.top_k(predictions, 5)[1]  # (N, 5)
    return ops.max(ops.take_along_axis(labelled, five, axis=-1), axis=-1)


def training_metrics(is_mixed: bool) -> list[list[keras.metrics.Metric]]:
    """Metrics per output.  is_mixed: whether mixup or a teacher mixes the labels."""
    error = mixed_age_error if is_mixed else age_error
    return [
        [LabelledMean(accuracy, "accuracy")],
        [LabelledMean(error, "mae"), LabelledMean(age_top5, "top5")],
    ]


def validation_metrics(losses: list[Loss]) -> list[list[keras.metrics.Metric]]:
    """Metrics per output; the losses are metrics, too: means over the faces with a known label."""
    metrics = training_metrics(is_mixed=False)
    return [[LabelledMean(loss, "loss"), *own] for loss, own in zip(losses, metrics, strict=True)]
