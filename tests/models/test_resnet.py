"""src/models/resnet.py against the PyTorch toolkit's, by hand and in numpy."""

import keras
import numpy as np
import pytest

from src.models import build_model
from tests.models.reference import creation_order, fill, made_faces


def build(img_size: int, depth: int, **arguments) -> keras.Model:
    return build_model({"name": f"resnet{depth}", **arguments}, img_size)


def convolve(net: np.ndarray, kernel: np.ndarray, stride: int = 1, padding: int = 0) -> np.ndarray:
    """As PyTorch's Conv2d: the same padding on all sides."""
    size = kernel.shape[0]
    net = np.pad(net, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(net, (size, size), (1, 2))
    return np.tensordot(windows[:, ::stride, ::stride], kernel, ((4, 5, 3), (0, 1, 2)))


def resnet18(model: keras.Model, faces: np.ndarray, use_se: bool) -> list[np.ndarray]:
    """Predictions of the PyTorch toolkit's ResNet-18 with the model's weights, in numpy."""
    named = {layer.name: layer.get_weights() for layer in model.layers if layer.weights}

    def of(kind: str):
        return iter([named[n] for n in creation_order([n for n in named if n.startswith(kind)])])

    convolutions, norms, slopes, dense = map(of, ("conv2d", "batch", "p_re_lu", "dense"))

    def norm(net):
        gamma, beta, mean, variance = next(norms)
        return (net - mean) / np.sqrt(variance + 1e-5) * gamma + beta

    def conv(net, stride=1, padding=1):
        return convolve(net, next(convolutions)[0], stride, padding)

    def prelu(net, slope):
        return np.where(net > 0, net, slope.item() * net)

    def block(net, stride):
        slope = next(slopes)[0]
        main = norm(conv(prelu(norm(conv(norm(net))), slope), stride))
        if use_se:
            (first, bias), hidden = next(dense), main.mean((1, 2))
            hidden = prelu(hidden @ first + bias, next(slopes)[0])
            second, bias = next(dense)
            main *= (1 / (1 + np.exp(-(hidden @ second + bias))))[:, None, None]
        shortcut = norm(conv(net, stride, 0)) if stride > 1 else net
        return prelu(main + shortcut, slope)

    net = prelu(norm(conv(faces / 127.5 - 1, padding=0)), next(slopes)[0])
    half = net.shape[1] // 2
    net = net[:, : 2 * half, : 2 * half].reshape(len(net), half, 2, half, 2, -1).max((2, 4))
    for stride in (1, 1, 2, 1, 2, 1, 2, 1):
        net = block(net, stride)
    features = norm(net).reshape(len(net), -1)
    outputs = []
    for name in ("pred_gender", "pred_age"):
        (first, bias), (second, last_bias) = named[f"hidden_{name}"], named[name]
        scores = np.maximum(features @ first + bias, 0) @ second + last_bias
        powers = np.exp(scores - scores.max(1, keepdims=True))
        outputs.append(powers / powers.sum(1, keepdims=True))
    return outputs


@pytest.mark.parametrize("use_se, img_size", [(True, 48), (False, 36)])
def test_numpy_network_predicts_the_same(use_se, img_size):
    model = build(img_size, 18, width=2, use_se=use_se)
    fill(model)
    faces = made_faces(3, img_size)
    expected = resnet18(model, faces, use_se)
    for output, target in zip(map(np.asarray, model(faces)), expected, strict=True):
        assert output.std(0).max() > 1e-3  # not the same for every face
        np.testing.assert_allclose(output, target, atol=1e-4)
