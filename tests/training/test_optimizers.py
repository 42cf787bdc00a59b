"""src/training/optimizers.py: steps and learning rates worked out by hand."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from src.training import optimizers
from src.training.arguments import Arguments


def get_optimizer(name: str, rate: float, factors=None, **flags) -> keras.optimizers.Optimizer:
    return optimizers.get_optimizer(Arguments([], opt=name, **flags), rate, factors)


def get_schedule(name: str, rate: float, epochs: int, steps: int, warmup: float = 0.0):
    arguments = Arguments([], schedule=name, lr=rate, nb_epochs=epochs, warmup_epochs=warmup)
    return optimizers.get_schedule(arguments, steps)


def steps(optimizer: keras.optimizers.Optimizer, name: str, value: float, gradients) -> list[float]:
    """The value of a variable after each of some steps."""
    variable = keras.Variable([value], name=name)
    optimizer.build([variable])
    values = []
    for gradient in gradients:
        optimizer.apply([ops.convert_to_tensor([gradient], "float32")])
        values.append(float(variable[0]))
    return values


def test_sgd_has_nesterov_momentum():
    """v = 0.9 v - 0.1 g, and the step is 0.9 v - 0.1 g: -0.1 - 0.09, then -0.1 - 0.171."""
    assert steps(get_optimizer("sgd", 0.1), "kernel", 1.0, [1, 1]) == pytest.approx([0.81, 0.539])


@pytest.mark.parametrize("name, decays", [("kernel", 1), ("gamma", 0), ("bias", 0), ("alpha", 0)])
@pytest.mark.parametrize("given, decay", [(None, 0.05), (0.2, 0.2), (0.0, 0.0)])
def test_adamw_decays_kernels_alone(name, decays, given, decay):
    decayed = steps(get_optimizer("adamw", 0.1, weight_decay=given), name, 2.0, [0])
    assert decayed == pytest.approx([2.0 * (1 - 0.1 * decay * decays)])


def test_adamw_equals_kerass():
    ours, theirs = get_optimizer("adamw", 0.01), keras.optimizers.AdamW(0.01, weight_decay=0.05)
    gradients = [1.0, -0.5, 3.0]
    assert steps(ours, "kernel", 1.0, gradients) == pytest.approx(
        steps(theirs, "kernel", 1.0, gradients), rel=1e-6
    )


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw"])
def test_factors_scale_the_rate(name):
    variables = [keras.Variable([2.0], name=name) for name in ("kernel_a", "kernel_b")]
    optimizer = get_optimizer(name, 0.1, factors={variables[1].path: 0.5})
    slow = get_optimizer(name, 0.05)
    optimizer.build(variables)
    for _ in range(3):
        optimizer.apply([ops.convert_to_tensor([0.3], "float32")] * 2)
    assert [float(variables[1][0])] == pytest.approx(steps(slow, "kernel", 2.0, [0.3] * 3)[-1:])
    assert float(variables[0][0]) < float(variables[1][0])


def test_gradients_are_clipped_together():
    """The joint norm is 5 and is clipped to 1: 3 and 4 become 0.6 and 0.8; 1.9 times the rate."""
    optimizer = get_optimizer("sgd", 0.1, clip_norm=1.0)
    variables = [keras.Variable([0.0], name=name) for name in ("one", "two")]
    optimizer.build(variables)
    optimizer.apply([ops.convert_to_tensor([gradient]) for gradient in (3.0, 4.0)])
    assert [float(v[0]) for v in variables] == pytest.approx([-0.19 * 0.6, -0.19 * 0.8])


def test_accumulated_gradients_are_averaged():
    found = steps(get_optimizer("sgd", 0.1, accumulate=2), "kernel", 1.0, [1, 3, 2, 2])
    first, second = steps(get_optimizer("sgd", 0.1), "kernel", 1.0, [2, 2])
    assert found == pytest.approx([1.0, first, first, second])


def test_warm_up_of_the_average():
    """The momentum of step t is at most (1 + t) / (10 + t), and 0 at the first step."""
    optimizer = get_optimizer("sgd", 0.1, ema=0.3)
    variable = keras.Variable([1.0], name="kernel")
    optimizer.build([variable])
    expected = 0.0
    for step, momentum in enumerate([0, 2 / 11, 3 / 12, 0.3, 0.3]):
        optimizer.apply([ops.convert_to_tensor([1.0])])
        expected = momentum * expected + (1 - momentum) * float(variable[0])
        found = float(optimizer._model_variables_moving_average[0][0])
        assert found == pytest.approx(expected, rel=1e-5), step


@pytest.mark.parametrize("accumulate", [2, 8])
def test_average_counts_steps_not_batches(accumulate):
    """Its lag in steps is that of full batches, but for the older weights within a step."""
    lags = []
    for batches in (1, accumulate):
        optimizer = get_optimizer("sgd", 0.1, ema=0.99, accumulate=batches)
        variable = keras.Variable([0.0], name="kernel")
        optimizer.build([variable])
        for _ in range(60 * batches):
            optimizer.apply([ops.convert_to_tensor([-1.0])])
        lags.append(float((variable - optimizer._model_variables_moving_average[0])[0]))
    step = 0.1 * 10 + 1e-9  # of Nesterov's momentum of 0.9
    assert lags[0] < lags[1] < lags[0] + step


def rates(name: str, rate: float, epochs: int, warmup: float = 0.0, steps: int = 2) -> list[float]:
    """Rates of the first step of every epoch."""
    schedule = get_schedule(name, rate, epochs, steps, warmup)
    return [float(schedule(epoch * steps)) for epoch in range(epochs)]


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
