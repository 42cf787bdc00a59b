"""Metrics of training and validation, on faces with a known label.

Targets and predictions are distributions, (N, 2) or (N, 101); an unknown label is all zeros.
"""

from collections.abc import Callable

import keras
from keras import ops

from ..labels import AGES


class LabelledMean(keras.metrics.Mean):
    """The mean of `function(targets, predictions)`, (N,), over the faces with a known label."""

    def __init__(self, function: Callable, name: str):
        super().__init__(name=name)
        self._function = function

    def update_state(self, targets, predictions, sample_weight=None):
        known = ops.sum(targets, axis=-1) > 0
        super().update_state(self._function(targets, predictions), ops.cast(known, "float32"))


def accuracy(targets, predictions):
    """Whether the most likely class is the target's, (N,)."""
    same = ops.equal(ops.argmax(targets, axis=-1), ops.argmax(predictions, axis=-1))
    return ops.cast(same, "float32")


def age_error(targets, predictions):
    """Distance in years, (N,), from the predicted expectation to the label's range, 0 within.

    As in `labels.age_errors`, but labels mixed by mixup or with a teacher's predictions are not
    ranges, which are uniform: the distance is to their expectation.
    """
    ages = ops.convert_to_tensor(AGES, "float32")
    age = ops.sum(predictions * ages, -1)
    low = ops.min(ops.where(targets > 0, ages, 1e3), -1)
    high = ops.max(ops.where(targets > 0, ages, -1e3), -1)
    uniform = ops.cast(targets > 0.999 * ops.max(targets, -1, keepdims=True), "float32")
    is_range = high - low + 1 <= ops.sum(uniform, -1)
    mean = ops.sum(targets * ages, -1) / ops.maximum(ops.sum(targets, -1), 1e-7)
    low, high = ops.where(is_range, low, mean), ops.where(is_range, high, mean)
    return ops.maximum(ops.maximum(low - age, age - high), 0.0)


def age_top5(targets, predictions):
    """Whether the target's age, or any year of its range, is among the five most likely ages,
    (N,)."""
    labelled = ops.cast(targets >= ops.max(targets, axis=-1, keepdims=True), "float32")
    five = ops.top_k(predictions, 5)[1]  # (N, 5)
    return ops.max(ops.take_along_axis(labelled, five, axis=-1), axis=-1)


def metrics() -> dict[str, list[keras.metrics.Metric]]:
    """Metrics by output."""
    return {
        "pred_gender": [LabelledMean(accuracy, "accuracy")],
        "pred_age": [LabelledMean(age_error, "mae"), LabelledMean(age_top5, "top5")],
    }
