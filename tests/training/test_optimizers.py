"""src/training/optimizers.py and averaged.py, by steps worked out by hand."""

import keras
import numpy as np
import pytest

from src.models import build_model
from src.training.averaged import averaged
from src.training.optimizers import drop_regularizers, get_optimizer


def step(optimizer: keras.optimizers.Optimizer, name: str, value: float, gradients) -> list[float]:
    """What a variable is after each of some steps."""
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


def test_adam_s_first_step_is_the_rate():
    assert step(get_optimizer("adam", 0.01), "kernel", 1.0, [5]) == pytest.approx([0.99], abs=1e-5)


@pytest.mark.parametrize("name, decay", [("kernel", 0.05), ("gamma", 0), ("bias", 0), ("alpha", 0)])
def test_adamw_decays_kernels_alone(name, decay):
    decayed = step(get_optimizer("adamw", 0.1), name, 2.0, [0])
    assert decayed == pytest.approx([2.0 * (1 - 0.1 * decay)])


def test_gradients_are_clipped_together():
    """By the norm of both, 5, to 1: 3 and 4 become 0.6 and 0.8."""
    optimizer = get_optimizer("adam", 0.1, clip_norm=1.0)
    variables = [keras.Variable([0.0], name=name) for name in ("one", "two")]
    optimizer.build(variables)
    clipped = optimizer._clip_gradients([keras.ops.convert_to_tensor([g]) for g in (3.0, 4.0)])
    assert [float(gradient[0]) for gradient in clipped] == pytest.approx([0.6, 0.8])


def test_regularizers_leave_the_loss():
    model = build_model({"name": "wide_resnet", "depth": 10, "width": 1}, 16)
    model.compile("sgd", loss=[lambda t, p: 0 * keras.ops.sum(p, -1)] * 2)
    faces = np.zeros((1, 16, 16, 3))
    targets = [np.zeros((1, 2)), np.zeros((1, 101))]
    assert model.evaluate(faces, targets, verbose=0, return_dict=True)["loss"] > 0.1
    drop_regularizers(model)
    model.compile("sgd", loss=[lambda t, p: 0 * keras.ops.sum(p, -1)] * 2)
    assert model.evaluate(faces, targets, verbose=0, return_dict=True)["loss"] == 0


def test_averaged_weights_are_lent_for_the_block_alone():
    """Of 1, 0.9 and 0.8, by halves: the average is first 0.9, then 0.85."""
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
