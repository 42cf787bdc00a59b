"""Input and output layers of every network."""

import keras
import numpy as np
from keras import layers, ops

from ..labels import GENDERS, MAX_AGE
from .blocks import dense
from .description import OUTPUTS

_HIDDEN, _CONDITIONAL = "hidden_", "conditional_"
AGE_HEADS = ("softmax", "conditional")


def faces_input(img_size: int, mirror: bool) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """The input layer, faces (N, img_size, img_size, 3), and the tensor for the next layer: the
    faces, with `mirror` followed by their mirror images, (2N, img_size, img_size, 3)."""
    faces = keras.Input((img_size, img_size, 3), name="faces")
    both = keras.ops.concatenate([faces, faces[:, :, ::-1]], axis=0) if mirror else faces
    return faces, both


def twin_heads(
    features: keras.KerasTensor,
    hidden: int = 0,
    use_bias: bool = False,
    mirror: bool = False,
    age_head: str = "softmax",
) -> list[keras.KerasTensor]:
    """Gender (N, 2) and age (N, 101) distributions from features (N, F), float32 always.

    hidden: units of a fully connected layer with ReLU at the start of each head; 0 for none.
    use_bias: whether the heads' layers have biases; the original toolkit's have none.
    mirror: whether the features are of N faces followed by their mirror images, (2N, F), so that
        the scores of both are averaged. For prediction only.
    age_head: one of `AGE_HEADS`: "conditional" has one score per age and the next, see
        `_conditional`.
    """
    heads = []
    for name, classes in zip(OUTPUTS, (len(GENDERS), MAX_AGE + 1), strict=True):
        net = features
        if hidden:
            net = dense(hidden, "relu", use_bias=use_bias, name=_HIDDEN + name)(net)
        if name == OUTPUTS[1] and age_head == "conditional":
            head = _conditional(net, name, use_bias)
        else:
            head = dense(classes, "softmax", use_bias=use_bias, name=name, dtype="float32")(net)
        heads.append(_average(head) if mirror else head)
    return heads


def _conditional(net: keras.KerasTensor, name: str, use_bias: bool) -> keras.KerasTensor:
    """Age distribution (N, 101) from 100 scores: the probability to be older than each age, given
    that one is as old.

    Shi, Cao & Raschka, "Deep neural networks for rank-consistent ordinal regression based on
    conditional probabilities", 2021, https://arxiv.org/abs/2111.08851. Scores of 0 are the uniform
    distribution.
    """
    scores = dense(MAX_AGE, use_bias=use_bias, name=_CONDITIONAL + name, dtype="float32")(net)
    scores = scores + np.log(np.arange(MAX_AGE, 0, -1, dtype=np.float32))
    is_reached = np.triu(np.ones((MAX_AGE, MAX_AGE + 1), np.float32), 1)
    reached = ops.matmul(ops.log_sigmoid(scores), is_reached)  # log P(age >= k)
    stopped = ops.pad(ops.log_sigmoid(-scores), ((0, 0), (0, 1)))  # log P(age = k | age >= k)
    return layers.Activation("softmax", name=name, dtype="float32")(reached + stopped)


def _average(distributions: keras.KerasTensor) -> keras.KerasTensor:
    """The softmax of the mean scores of N faces and their N mirror images, from (2N, classes)."""
    scores = keras.ops.log(distributions)  # up to a constant
    pairs = keras.ops.reshape(scores, (2, -1, scores.shape[-1]))
    return keras.ops.softmax(keras.ops.mean(pairs, axis=0))


def in_head(layer: keras.Layer) -> bool:
    """Whether a layer belongs to a head."""
    return layer.name.removeprefix(_HIDDEN).removeprefix(_CONDITIONAL) in OUTPUTS
