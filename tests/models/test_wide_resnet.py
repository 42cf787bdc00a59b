"""src/models/wide_resnet.py against the paper, arithmetic by hand and a network in numpy."""

import keras
import numpy as np
import pytest

from src.errors import UserError
from src.models import build_model
from tests.models.reference import creation_order, fill, made_faces, wide_resnet


def build(img_size: int, depth: int, width: int, **arguments) -> keras.Model:
    architecture = {"name": "wide_resnet", "depth": depth, "width": width, **arguments}
    return build_model(architecture, img_size)


def test_parameters_as_in_the_paper():
    trained = sum(np.prod(w.shape) for w in build(32, 16, 8).trainable_weights)
    heads, classes = 64 * 8 * (2 + 101), (64 * 8 + 1) * 10  # the paper's: CIFAR-10
    assert round((trained - heads + classes) / 1e6, 1) == 11.0


@pytest.mark.parametrize("depth, nearest", [(-5, 10), (9, 10), (14, 16), (27, 28)])
def test_other_depths_are_rejected(depth, nearest):
    with pytest.raises(UserError, match=f"6n.4.* received {depth}; the nearest is {nearest}$"):
        build(32, depth, 1)


@pytest.mark.parametrize(
    "depth, width, pool, scale",
    [(10, 1, "global", 1 / 255), (16, 2, "global", 1 / 255), (10, 2, "8x8", 0.01)],
)
def test_numpy_network_predicts_the_same(depth, width, pool, scale):
    model, faces = build(32, depth, width, pool=pool, scale=scale), made_faces(3, 32)
    fill(model)
    assert model.output_names == ["pred_gender", "pred_age"]
    named = {layer.name: layer.get_weights() for layer in model.layers if layer.weights}
    order = creation_order([*(named.keys() - model.output_names)]) + model.output_names
    expected = wide_resnet(faces, {name: named[name] for name in order}, pool, scale)
    for output, target in zip(map(np.asarray, model(faces)), expected, strict=True):
        assert output.std(0).max() > 1e-3  # not the same for every face
        np.testing.assert_allclose(output, target, atol=1e-5)


def test_kernels_start_as_he_et_al():
    for kernel in (w for w in build(32, 10, 4).get_weights() if w.size > 10_000):
        assert kernel.std() == pytest.approx(np.sqrt(2 / np.prod(kernel.shape[:-1])), rel=0.05)


def test_dropout_between_convolutions_in_training():
    dropped = build(32, 10, 1, dropout=0.5)
    layers = [la for la in dropped.layers if isinstance(la, keras.layers.Dropout)]
    assert len(layers) == 3  # one per block
    between = keras.Model(dropped.input, [layers[0].input, layers[0].output])
    before, after = map(keras.ops.convert_to_numpy, between(made_faces(3, 32), training=True))
    assert 0.45 < np.mean(after[before > 0] == 0) < 0.55
    np.testing.assert_allclose(after[after > 0], 2 * before[after > 0], rtol=1e-5)
