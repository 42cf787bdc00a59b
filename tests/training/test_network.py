"""src/training/network.py: penalties, learning rate factors, averaged weights."""

import keras
import numpy as np
import pytest

from src.models import build_model
from src.models.heads import twin_heads
from src.training.arguments import Arguments
from src.training.distribution import Devices
from src.training.network import averaged, compile_network, get_evaluator, rate_factors, set_penalty
from src.training.optimizers import get_schedule

ONE = Devices(["cpu:0"])


@pytest.mark.parametrize("factor", [0.0, 0.01])
def test_penalty_of_kernels(factor):
    model = build_model({"name": "small_cnn"}, 16)
    set_penalty(model, factor)
    squares = sum((w.numpy() ** 2).sum() for w in model.trainable_weights if "kernel" in w.name)
    evaluator = get_evaluator(ONE, model, Arguments([]))
    labels = np.full((2, 2), 0.5), np.full((2, 101), 1 / 101)
    found = evaluator.evaluate(
        np.zeros((2, 16, 16, 3)), labels, sample_weight=(np.ones(2),) * 2,
        return_dict=True, verbose=0,
    )  # fmt: skip
    assert found["loss"] == pytest.approx(factor * squares, rel=1e-4)


def test_backbone_learns_slower_than_heads():
    model = build_model({"name": "small_cnn"}, 16)
    factors = rate_factors(model, 0.1)
    heads = {w.path for name in ("pred_gender", "pred_age") for w in model.get_layer(name).weights}
    assert set(factors.values()) == {0.1}
    assert set(factors) == {w.path for w in model.trainable_weights} - heads


def test_step_is_traced_once():
    """A trace of a large network takes seconds."""
    traces = []

    class Counted(keras.Model):
        def train_step(self, *args, **kwargs):
            traces.append(args)
            return super().train_step(*args, **kwargs)

    faces = keras.Input((2, 2, 3))
    model = Counted(faces, twin_heads(keras.layers.Flatten()(faces)))
    arguments = Arguments([])
    compile_network(ONE, model, arguments, get_schedule(arguments, 2))
    targets = np.full((8, 2), 0.5, "f4"), np.full((8, 101), 1 / 101, "f4")
    model.fit(
        np.ones((8, 2, 2, 3)), targets, sample_weight=(np.ones(8, "f4"),) * 2,
        batch_size=4, epochs=2, verbose=0,
    )  # fmt: skip
    assert len(traces) == 1


def test_averaged_weights_within_the_block():
    """For 1, 0.9, 0.8 and a momentum of 0.5 the average is first 0.9, then 0.85."""
    inputs = keras.Input((1,))
    outputs = keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")(inputs)
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5), loss=lambda t, p: p)
    for _ in range(2):
        model.train_on_batch(np.ones((1, 1)), np.ones((1, 1)))
    [kernel] = model.trainable_variables
    with averaged(model):
        assert float(kernel[0, 0]) == pytest.approx(0.85)
    assert float(kernel[0, 0]) == pytest.approx(0.8)
