"""The moving average of a run's weights."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras


def average_statistics(model: keras.Model, momentum: float) -> None:
    """Have batch normalisations average over as many steps as the weights' average does.

    Means and variances of the last few steps are those of the last weights, not of the average.
    To be called before the model is compiled.
    """
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = max(layer.momentum, momentum)


@contextmanager
def averaged(model: keras.Model) -> Iterator[None]:
    """Within the block the model has its averaged weights, where its optimizer keeps them.

    They predict better than the last ones do while the learning rate is high: Polyak & Juditsky,
    SIAM J. Control Optim. 1992.
    """
    if not model.optimizer.use_ema:
        yield
        return
    swap = keras.callbacks.SwapEMAWeights()
    swap.set_model(model)
    swap.on_test_begin()
    try:
        yield
    finally:
        swap.on_test_end()
