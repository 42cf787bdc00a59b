"""Gender and age heads of every network."""

import keras
import numpy as np
from keras import layers, ops

from ..labels import GENDERS, MAX_AGE
from .description import OUTPUTS

_HIDDEN, _CONDITIONAL = "hidden_", "conditional_"
AGE_HEADS = ("softmax", "conditional")


def twin_heads(
    features: keras.KerasTensor,
    hidden: int = 0,
    use_bias: bool = True,
    age_head: str = "softmax",
) -> list[keras.KerasTensor]:
    """Gender (N, 2) and age (N, 101) distributions from features (N, F), float32 always.

    Args:
        hidden: units of a fully connected layer with ReLU at the start of each head; 0 for none.
        use_bias: whether the heads' layers have biases; the original toolkit's have none.
        age_head: one of `AGE_HEADS`: "conditional" has one score per age but the last, see
            `_conditional`.
    """
    heads = []
    for name, classes in zip(OUTPUTS, (len(GENDERS), MAX_AGE + 1), strict=True):
        net = features
        if hidden:
            net = _dense(hidden, _HIDDEN + name, use_bias, activation="relu")(net)
        if name == OUTPUTS[1] and age_head == "conditional":
            heads.append(_conditional(net, name, use_bias))
        else:
            softmax = {"activation": "softmax", "dtype": "float32"}
            heads.append(_dense(classes, name, use_bias, **softmax)(net))
    return heads


def _dense(units: int, name: str, use_bias: bool, **options) -> layers.Dense:
    initial = {"kernel_initializer": "he_normal", "use_bias": use_bias}
    return layers.Dense(units, name=name, **initial, **options)


def _conditional(net: keras.KerasTensor, name: str, use_bias: bool) -> keras.KerasTensor:
    """Age distribution (N, 101) from 100 scores: the probability to be older than each age, given
    that one is as old.

    Shi, Cao & Raschka, "Deep neural networks for rank-consistent ordinal regression based on
    conditional probabilities", 2021, https://arxiv.org/abs/2111.08851. Scores of 0 are the uniform
    distribution.
    """
    scores = _dense(MAX_AGE, _CONDITIONAL + name, use_bias, dtype="float32")(net)
    scores = scores + np.log(np.arange(MAX_AGE, 0, -1, dtype=np.float32))
    is_reached = np.triu(np.ones((MAX_AGE, MAX_AGE + 1), np.float32), 1)
    reached = ops.matmul(ops.log_sigmoid(scores), is_reached)  # log P(age >= k)
    stopped = ops.pad(ops.log_sigmoid(-scores), ((0, 0), (0, 1)))  # log P(age = k | age >= k)
    # Frozen, so that its weights are only divided by temperatures.
    identity = {"kernel_initializer": "identity", "trainable": False}
    last = layers.Dense(MAX_AGE + 1, "softmax", False, name=name, dtype="float32", **identity)
    return last(reached + stopped)


def average(distributions: keras.KerasTensor) -> keras.KerasTensor:
    """The softmax of the mean scores of N faces and their N mirror images, from (2N, classes)."""
    scores = ops.log(distributions)  # up to a constant
    return ops.softmax(ops.mean(ops.reshape(scores, (2, -1, scores.shape[-1])), axis=0))


def in_head(layer: keras.Layer) -> bool:
    """Whether a layer belongs to a head."""
    return layer.name.removeprefix(_HIDDEN).removeprefix(_CONDITIONAL) in OUTPUTS
