"""Statistics of batch normalizations, estimated on faces."""

from collections.abc import Iterable

import keras
import numpy as np


def estimate_statistics(model: keras.Model, batches: Iterable[np.ndarray]) -> None:
    """Set the means and variances of all trainable batch normalizations to those of `batches`.

    Averaged weights need this, as the statistics were measured with other weights: Izmailov et al.,
    "Averaging weights leads to wider optima and better generalization", UAI 2018,
    https://arxiv.org/abs/1803.05407. Frozen layers keep theirs.

    batches: training faces, uint8 (N, S, S, 3), BGR; at least 64 per batch, about 1,000 in all.
    """
    normalization = keras.layers.BatchNormalization
    norms = [la for la in model.layers if isinstance(la, normalization) and la.trainable]
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    dropouts = {layer: layer.rate for layer in model.layers if hasattr(layer, "rate")}
    try:
        for layer in dropouts:
            layer.rate = 0.0
        for index, faces in enumerate(batches):
            for norm in norms:
                norm.momentum = index / (index + 1)  # the mean over all batches so far
            model(faces, training=True)
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        for layer, rate in dropouts.items():
            layer.rate = rate
