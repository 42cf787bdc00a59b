"""src/training/network.py: optimizer steps and learning rates worked out by hand."""

import math

import keras
import numpy as np
import pytest

from src.models import build_model
from src.models.heads import twin_heads
from src.training.arguments import Arguments
from src.training.distribution import SingleDevice
from src.training.network import (
    Schedule,
    averaged,
    compile_network,
    drop_regularizers,
    get_optimizer,
)


def step(optimizer: keras.optimizers.Optimizer, name: str, value: float, gradients) -> list[float]:
    """The value of a variable after each of some steps."""
    variable = keras.Variable([value], name=name)
    optimizer.build([variable])
    values = []
    for gradient in gradients:
        optimizer.apply([keras.ops.convert_to_tensor([gradient], "float32")])
        values.append(float(variable[0]))
    return values


def test_sgd_has_nesterov_momentum():
    """v = 0.9 v - 0.1 g, and the step is 0.9 v - 0.1 g: -0.1 - 0.09, then -0.1 - 0.171."""
    assert step(get_optimizer("sgd", 0.1), "kernel", 1.0, [1, 1]) == pytest.approx([0.81, 0.539])


def test_first_step_of_adam():
    assert step(get_optimizer("adam", 0.01), "kernel", 1.0, [5]) == pytest.approx([0.99], abs=1e-5)


@pytest.mark.parametrize("name, decay", [("kernel", 0.05), ("gamma", 0), ("bias", 0), ("alpha", 0)])
def test_adamw_decays_kernels_alone(name, decay):
    decayed = step(get_optimizer("adamw", 0.1), name, 2.0, [0])
    assert decayed == pytest.approx([2.0 * (1 - 0.1 * decay)])


def test_gradients_are_clipped_together():
    """The joint norm is 5 and is clipped to 1: 3 and 4 become 0.6 and 0.8."""
    optimizer = get_optimizer("adam", 0.1, clip_norm=1.0)
    variables = [keras.Variable([0.0], name=name) for name in ("one", "two")]
    optimizer.build(variables)
    clipped = optimizer._clip_gradients([keras.ops.convert_to_tensor([g]) for g in (3.0, 4.0)])
    assert [float(gradient[0]) for gradient in clipped] == pytest.approx([0.6, 0.8])


def test_regularizers_leave_the_loss():
    model = build_model({"name": "small_cnn"}, 16)
    model.compile("sgd", loss=[lambda t, p: 0 * keras.ops.sum(p, -1)] * 2)
    faces = np.zeros((1, 16, 16, 3))
    targets = [np.zeros((1, 2)), np.zeros((1, 101))]
    assert model.evaluate(faces, targets, verbose=0, return_dict=True)["loss"] > 0.1
    drop_regularizers(model)
    model.compile("sgd", loss=[lambda t, p: 0 * keras.ops.sum(p, -1)] * 2)
    assert model.evaluate(faces, targets, verbose=0, return_dict=True)["loss"] == 0


def test_step_is_traced_once():
    """A trace of a large network takes seconds."""
    traces = []

    class Counted(keras.Model):
        def train_step(self, *args, **kwargs):
            traces.append(args)
            return super().train_step(*args, **kwargs)

    faces = keras.Input((2, 2, 3))
    model = Counted(faces, twin_heads(keras.layers.Flatten()(faces)))
    arguments = Arguments([], batch_size=4)
    compile_network(SingleDevice(), model, arguments, Schedule("step", 0.1, 2, 2))
    targets = [np.full((8, 2), 0.5), np.full((8, 101), 1 / 101)]
    model.fit(np.ones((8, 2, 2, 3)), targets, batch_size=4, epochs=2, verbose=0)
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


def rates(*arguments) -> list[float]:
    """Rates of the first step of every epoch, with two steps per epoch."""
    name, rate, epochs, *warmup = arguments
    schedule = Schedule(name, rate, epochs, 2, *warmup)
    return [schedule.of_epoch(epoch) for epoch in range(epochs)]


def test_steps_of_four_epochs():
    assert rates("step", 0.1, 4) == pytest.approx([0.1, 0.02, 0.004, 0.0008])


@pytest.mark.parametrize(
    "epochs, quarters",
    [
        (40, [(0, 9), (10, 19), (20, 29), (30, 39)]),
        (30, [(0, 7), (8, 14), (15, 22), (23, 29)]),  # 7.5 and 22.5 lie between two epochs
    ],
)
def test_steps_fall_at_quarters(epochs, quarters):
    schedule = Schedule("step", 0.5, epochs, 1000)
    for (first, last), rate in zip(quarters, [0.5, 0.1, 0.02, 0.004], strict=True):
        assert schedule.of_epoch(first) == pytest.approx(rate)
        assert schedule.of_epoch(last, 999) == pytest.approx(rate)


def test_steps_late_in_a_long_run():
    schedule = Schedule("step", 0.5, 200, 50_000)  # ten million steps
    assert schedule.of_epoch(149, 49_999) == pytest.approx(0.02)
    assert schedule.of_epoch(150) == pytest.approx(0.004)


def test_rate_of_a_single_epoch():
    assert rates("step", 0.1, 1) == pytest.approx([0.1])


def test_cosine_decays_per_step():
    schedule = Schedule("cosine", 0.2, 2, 2)
    quarters = [0.2, 0.1 * (1 + math.sqrt(0.5)), 0.1, 0.1 * (1 - math.sqrt(0.5))]
    assert [schedule.of_epoch(0, step) for step in range(4)] == pytest.approx(quarters)


def test_warm_up_is_linear():
    schedule = Schedule("cosine", 0.4, 3, 2, 1.0)
    assert [schedule.of_epoch(0, step) for step in range(3)] == pytest.approx([0.2, 0.4, 0.4])
    assert schedule.of_epoch(2) == pytest.approx(0.2)  # half of what is left is gone


def test_warm_up_before_steps():
    assert rates("step", 0.1, 4, 0.5) == pytest.approx([0.1, 0.02, 0.004, 0.0008])
    assert Schedule("step", 0.1, 4, 4, 0.5).of_epoch(0) == pytest.approx(0.05)
