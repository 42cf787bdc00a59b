"""src/models/wide_resnet.py against the paper, arithmetic by hand and a network in numpy."""

import keras
import numpy as np
import pytest

from src.errors import UserError
from src.models.wide_resnet import build, check_depth
from tests.models.reference import creation_order, fill, made_faces, wide_resnet


@pytest.fixture(scope="module")
def faces():
    return made_faces(3, 32)


@pytest.fixture(scope="module")
def small():
    model = build(32, depth=10, width=1)
    fill(model)
    return model


def layer_weights(model: keras.Model) -> dict[str, list[np.ndarray]]:
    heads = ["pred_gender", "pred_age"]
    named = {layer.name: layer.get_weights() for layer in model.layers if layer.weights}
    return {name: named[name] for name in creation_order([*(named.keys() - heads)]) + heads}


def test_parameters_by_hand(small):
    first = 9 * 3 * 16
    group_1 = 4 * 16 + 9 * 16 * 16 + 4 * 16 + 9 * 16 * 16  # as wide as what enters: no shortcut
    group_2 = 4 * 16 + 9 * 16 * 32 + 4 * 32 + 9 * 32 * 32 + 16 * 32
    group_3 = 4 * 32 + 9 * 32 * 64 + 4 * 64 + 9 * 64 * 64 + 32 * 64
    last_norm, heads = 4 * 64, 64 * (2 + 101)
    assert small.count_params() == first + group_1 + group_2 + group_3 + last_norm + heads


@pytest.mark.parametrize("depth, width, millions", [(16, 8, 11.0), (40, 1, 0.6)])
def test_parameters_as_in_the_paper(depth, width, millions):
    trained = sum(np.prod(w.shape) for w in build(32, depth, width).trainable_weights)
    heads, classes = 64 * width * (2 + 101), (64 * width + 1) * 10  # the paper's: CIFAR-10
    assert round((trained - heads + classes) / 1e6, 1) == millions


def test_convolutions_of_wrn_16_8():
    kernels = [w for w in build(32, 16, 8).weights if len(w.shape) == 4]
    shortcuts = [w for w in kernels if w.shape[0] == 1]
    assert len(kernels) == 1 + 6 * 2 + 3
    assert [tuple(w.shape[2:]) for w in shortcuts] == [(16, 128), (128, 256), (256, 512)]


@pytest.mark.parametrize(
    "depth, nearest", [(-5, 10), (0, 10), (4, 10), (9, 10), (12, 10), (14, 16), (17, 16), (27, 28)]
)
def test_other_depths_are_refused(depth, nearest):
    with pytest.raises(UserError, match=f"6n.4.* received {depth}; the nearest is {nearest}$"):
        check_depth(depth)


@pytest.mark.parametrize("depth", [10, 16, 28, 40])
def test_depths_of_6n_plus_4(depth):
    check_depth(depth)


def test_gender_then_age_come_out(small):
    assert small.output_names == ["pred_gender", "pred_age"]
    assert small.output_shape == [(None, 2), (None, 101)]


def test_outputs_are_distributions(small, faces):
    for output in map(np.asarray, small(faces)):
        assert output.dtype == np.float32
        assert output.std(0).max() > 1e-3  # not the same for every face
        assert (output >= 0).all()
        np.testing.assert_allclose(output.sum(1), 1, atol=1e-6)


@pytest.mark.parametrize(
    "depth, width, pool, scale",
    [(10, 1, "global", 1 / 255), (16, 2, "global", 1 / 255), (10, 2, "8x8", 0.01)],
)
def test_numpy_network_predicts_the_same(faces, depth, width, pool, scale):
    model = build(32, depth, width, pool, scale)
    fill(model)
    expected = wide_resnet(faces, layer_weights(model), pool, scale)
    for output, target in zip(model(faces), expected, strict=True):
        np.testing.assert_allclose(output, target, atol=1e-5)


def test_pixels_are_scaled_inside(small, faces):
    unscaled = build(32, 10, 1, scale=1)
    unscaled.set_weights(small.get_weights())
    inside = small(faces)
    outside = unscaled(faces.astype(np.float32) / 255)
    for a, b in zip(inside, outside, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_every_kernel_decays_and_nothing_else(small):
    kernels = [w for w in small.get_weights() if w.ndim > 1]
    expected = sum(5e-4 * np.square(kernel).sum() for kernel in kernels)
    decay = float(keras.ops.convert_to_numpy(sum(small.losses)))
    assert decay == pytest.approx(expected, rel=1e-5)


def test_kernels_have_he_initialization():
    for kernel in (w for w in build(32, 10, 4).get_weights() if w.size > 10_000):
        inputs = np.prod(kernel.shape[:-1])
        assert kernel.std() == pytest.approx(np.sqrt(2 / inputs), rel=0.05)
        assert abs(kernel.mean()) < 0.05 * kernel.std()


@pytest.mark.parametrize(
    "pool, img_size, features",
    [("8x8", 64, 16 * 16 * 64), ("8x8", 32, 8 * 8 * 64), ("global", 64, 64)],
)
def test_features_by_pool(pool, img_size, features):
    model = build(img_size, 10, 1, pool)
    assert [w.shape[0] for w in model.weights[-2:]] == [features, features]


def test_another_pool_is_refused():
    with pytest.raises(ValueError, match="received 'max'"):
        build(32, 10, 1, pool="max")


def test_dropout_between_convolutions_in_training(small, faces):
    dropped = build(32, 10, 1, dropout=0.5)
    dropped.set_weights(small.get_weights())  # the same weights in the same order
    for a, b in zip(small(faces), dropped(faces), strict=True):
        np.testing.assert_array_equal(a, b)

    layers = [la for la in dropped.layers if isinstance(la, keras.layers.Dropout)]
    assert len(layers) == 3  # one a block
    between = keras.Model(dropped.input, [layers[0].input, layers[0].output])
    before, after = map(keras.ops.convert_to_numpy, between(faces, training=True))
    assert 0.45 < np.mean(after[before > 0] == 0) < 0.55
    np.testing.assert_allclose(after[after > 0], 2 * before[after > 0], rtol=1e-5)
