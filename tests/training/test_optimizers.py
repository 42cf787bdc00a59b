"""src/training/optimizers.py: steps and learning rates worked out by hand."""

import math
from functools import partial
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import ops

from src.models import build_model
from src.training import optimizers
from src.training.arguments import Arguments


def optimizer_of(name: str, rate: float, **flags) -> tuple[Arguments, keras.optimizers.Optimizer]:
    arguments = Arguments([], opt=name, **flags)
    return arguments, optimizers.get_optimizer(arguments, rate)


def variables_of(made: tuple, *names: str, value: float, layer: str = "trunk") -> list:
    """Variables that an optimizer changes, with the options that a run sets."""
    variables = [keras.Variable([value], name=name) for name in names]
    layers = [SimpleNamespace(name=layer, trainable_weights=variables)]
    optimizers.set_rates(SimpleNamespace(layers=layers), made[0])
    made[1].build(variables)
    return variables


def steps(made: tuple, name: str, value: float, gradients, layer: str = "trunk") -> list[float]:
    """The value of a variable after each of some steps."""
    [variable] = variables_of(made, name, value=value, layer=layer)
    values = []
    for gradient in gradients:
        made[1].apply([ops.convert_to_tensor([gradient], "float32")])
        values.append(float(variable[0]))
    return values


def get_schedule(name: str, rate: float, epochs: int, steps: int, warmup: float = 0.0):
    arguments = Arguments([], schedule=name, lr=rate, nb_epochs=epochs, warmup_epochs=warmup)
    return optimizers.get_schedule(arguments, steps)


def test_sgd_has_nesterov_momentum():
    """v = 0.9 v - 0.1 g, and the step is 0.9 v - 0.1 g: -0.1 - 0.09, then -0.1 - 0.171."""
    assert steps(optimizer_of("sgd", 0.1), "kernel", 1.0, [1, 1]) == pytest.approx([0.81, 0.539])


@pytest.mark.parametrize("name, decays", [("kernel", 1), ("gamma", 0), ("bias", 0), ("alpha", 0)])
@pytest.mark.parametrize("given, decay", [(None, 0.05), (0.2, 0.2), (0.0, 0.0)])
def test_adamw_decays_kernels_alone(name, decays, given, decay):
    decayed = steps(optimizer_of("adamw", 0.1, weight_decay=given), name, 2.0, [0])
    assert decayed == pytest.approx([2.0 * (1 - 0.1 * decay * decays)])


def test_adamw_equals_kerass():
    theirs = keras.optimizers.AdamW(0.01, weight_decay=0.05)
    gradients = [1.0, -0.5, 3.0]
    expected = steps((Arguments([]), theirs), "kernel", 1.0, gradients)
    found = steps(optimizer_of("adamw", 0.01), "kernel", 1.0, gradients)
    assert found == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw"])
def test_backbone_learns_slower_than_heads(name):
    gradients, made = [0.3] * 3, partial(optimizer_of, name)
    trunk = steps(made(0.1, backbone_lr=0.5), "kernel", 2.0, gradients)
    assert trunk == pytest.approx(steps(made(0.05), "kernel", 2.0, gradients))
    for head in ("pred_age", "hidden_pred_gender"):
        own = steps(made(0.1, backbone_lr=0.5), "kernel", 2.0, gradients, layer=head)
        assert own == pytest.approx(steps(made(0.1), "kernel", 2.0, gradients))


@pytest.mark.parametrize(
    "flags, factor",
    [({}, 5e-4), ({"weight_decay": 0.01}, 0.01), ({"weight_decay": 0.0}, 0), ({"opt": "adamw"}, 0)],
)
def test_penalty_of_kernels(flags, factor):
    model = build_model({"name": "small_cnn"}, 16)
    optimizers.set_rates(model, Arguments([], **flags))
    squares = sum((w.numpy() ** 2).sum() for w in model.trainable_weights if "kernel" in w.name)
    assert float(sum(model.losses)) == pytest.approx(factor * squares, rel=1e-4)


def test_gradients_are_clipped_together():
    """The joint norm is 5 and is clipped to 1: 3 and 4 become 0.6 and 0.8; 1.9 times the rate."""
    made = optimizer_of("sgd", 0.1, clip_norm=1.0)
    variables = variables_of(made, "one", "two", value=0.0)
    made[1].apply([ops.convert_to_tensor([gradient]) for gradient in (3.0, 4.0)])
    assert [float(v[0]) for v in variables] == pytest.approx([-0.19 * 0.6, -0.19 * 0.8])


def test_accumulated_gradients_are_averaged():
    found = steps(optimizer_of("sgd", 0.1, accumulate=2), "kernel", 1.0, [1, 3, 2, 2])
    first, second = steps(optimizer_of("sgd", 0.1), "kernel", 1.0, [2, 2])
    assert found == pytest.approx([1.0, first, first, second])


def test_warm_up_of_the_average():
    """The momentum of step t is at most (1 + t) / (10 + t), and 0 at the first step."""
    made = optimizer_of("sgd", 0.1, ema=0.3)
    [variable], optimizer, expected = variables_of(made, "kernel", value=1.0), made[1], 0.0
    for step, momentum in enumerate([0, 2 / 11, 3 / 12, 0.3, 0.3]):
        optimizer.apply([ops.convert_to_tensor([1.0])])
        expected = momentum * expected + (1 - momentum) * float(variable[0])
        found = float(optimizer._model_variables_moving_average[0][0])
        assert found == pytest.approx(expected, rel=1e-5), step


def test_average_counts_steps_not_batches():
    """Its lag in steps is that of full batches, but for the older weights within a step."""
    lags = []
    for batches in (1, 4):
        made = optimizer_of("sgd", 0.1, ema=0.99, accumulate=batches)
        [variable], optimizer = variables_of(made, "kernel", value=0.0), made[1]
        for _ in range(60 * batches):
            optimizer.apply([ops.convert_to_tensor([-1.0])])
        lags.append(float((variable - optimizer._model_variables_moving_average[0])[0]))
    step = 0.1 * 10 + 1e-9  # of Nesterov's momentum of 0.9
    assert lags[0] < lags[1] < lags[0] + step


@pytest.mark.parametrize(
    "epochs, quarters",
    [
        (40, [(0, 9), (10, 19), (20, 29), (30, 39)]),
        (30, [(0, 7), (8, 14), (15, 22), (23, 29)]),  # 7.5 and 22.5 lie between two epochs
    ],
)
def test_steps_fall_at_quarters(epochs, quarters):
    schedule = get_schedule("step", 0.5, epochs, 1000)
    for (first, last), rate in zip(quarters, [0.5, 0.1, 0.02, 0.004], strict=True):
        assert float(schedule(first * 1000)) == pytest.approx(rate)
        assert float(schedule(last * 1000 + 999)) == pytest.approx(rate)


def test_steps_late_in_a_long_run():
    schedule = get_schedule("step", 0.5, 200, 50_000)  # ten million steps
    assert float(schedule(150 * 50_000 - 1)) == pytest.approx(0.02)
    assert float(schedule(150 * 50_000)) == pytest.approx(0.004)


def test_cosine_decays_per_step():
    schedule = get_schedule("cosine", 0.2, 2, 2)
    quarters = [0.2, 0.1 * (1 + math.sqrt(0.5)), 0.1, 0.1 * (1 - math.sqrt(0.5))]
    assert [float(schedule(step)) for step in range(4)] == pytest.approx(quarters)


@pytest.mark.parametrize("warmup", [0.5, 1, 3, 3.9])
def test_steps_after_a_long_warm_up_reach_the_rate(warmup):
    schedule = get_schedule("step", 0.1, 4, 10, warmup)
    found = np.array([float(schedule(step)) for step in range(40)])
    first = round(warmup * 10)
    np.testing.assert_allclose(found[:first], 0.1 * np.arange(1, first + 1) / first, rtol=1e-5)
    assert found.max() == pytest.approx(0.1)
    assert (np.diff(found[first:]) <= 0).all()
