"""WideResNet in numpy, after the original toolkit's code, as a reference.

And weights and faces with different predictions for each face.
"""

import re
from pathlib import Path

import h5py
import keras
import numpy as np


def fill(model: keras.Model) -> None:
    """Set every weight at random; normalisations of a fresh network would be identities."""
    rng = np.random.default_rng(0)
    values = []
    for weight in model.weights:
        noise = rng.normal(size=weight.shape)
        if weight.name == "kernel":
            gain = 2 if len(weight.shape) == 4 else 0.1  # low for a head, to spread its predictions
            values.append(noise * np.sqrt(gain / np.prod(weight.shape[:-1])))
        elif weight.name in ("gamma", "moving_variance"):
            values.append(1 + abs(noise) / 4)
        else:
            values.append(noise / 4)
    model.set_weights(values)


def made_faces(count: int, size: int) -> np.ndarray:
    """Faces, uint8 (count, size, size, 3), of different colours with noise."""
    rng = np.random.default_rng(0)
    blocks = rng.integers(0, 256, (count, 4, 4, 3), np.uint8)
    return blocks.repeat(size // 4, axis=1).repeat(size // 4, axis=2)


def creation_order(names: list[str]) -> list[str]:
    """Keras numbers its layers in order of creation: conv2d, conv2d_1, conv2d_2, ..."""
    return sorted(names, key=lambda name: int(re.search(r"\d*$", name)[0] or 0))


def read_weights(path: Path) -> dict[str, list[np.ndarray]]:
    """Weights by layer of a file by Keras 2 or of its layout, in order of creation, heads last."""
    with h5py.File(path) as file:
        layers = file.get("model_weights", file).items()
        weights = {
            name: [layer[weight][()] for weight in layer.attrs["weight_names"]]
            for name, layer in layers
            if len(layer.attrs.get("weight_names", ()))
        }
    heads = [name for name in ("pred_gender", "pred_age") if name in weights]
    others = [name for name in weights if name not in heads]
    return {name: weights[name] for name in creation_order(others) + heads}


def wide_resnet(
    faces: np.ndarray, weights: dict[str, list[np.ndarray]], pool: str, scale: float
) -> list[np.ndarray]:
    """Gender (N, 2) and age (N, 101) distributions of faces, uint8 (N, S, S, 3), BGR.

    weights: by layer; convolutions and normalisations in order of creation, heads last.
    """
    kernels = iter([w[0] for w in weights.values() if w[0].ndim == 4])
    norms = iter([w for w in weights.values() if len(w) == 4])
    heads = [w[0] for w in weights.values() if w[0].ndim == 2]
    depth = 3 + sum(w[0].ndim == 4 and w[0].shape[0] == 3 for w in weights.values())

    net = _conv(faces.astype(np.float32) * np.float32(scale), next(kernels))
    for stride in (1, 2, 2):
        for block in range((depth - 4) // 6):
            step = stride if block == 0 else 1
            normed = _norm_relu(net, *next(norms))
            main = _conv(normed, next(kernels), step)
            main = _conv(_norm_relu(main, *next(norms)), next(kernels))
            same = main.shape[-1] == net.shape[-1]
            net = main + (net if same else _conv(normed, next(kernels), step))
    net = _norm_relu(net, *next(norms))
    features = net.mean((1, 2)) if pool == "global" else _pool_8x8(net).reshape(len(net), -1)
    return [_softmax(features @ head) for head in heads]


def _conv(net: np.ndarray, kernel: np.ndarray, stride: int = 1) -> np.ndarray:
    """Padded for an output of ceil(side / stride) pixels; an odd row of padding is the last."""
    size, side = kernel.shape[0], net.shape[1]
    padding = max((-(-side // stride) - 1) * stride + size - side, 0)
    edges = (padding // 2, padding - padding // 2)
    net = np.pad(net, ((0, 0), edges, edges, (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(net, (size, size), (1, 2))
    return np.tensordot(windows[:, ::stride, ::stride], kernel, ((4, 5, 3), (0, 1, 2)))


def _norm_relu(net, gamma, beta, mean, variance) -> np.ndarray:
    return np.maximum((net - mean) / np.sqrt(variance + 1e-3) * gamma + beta, 0)


def _pool_8x8(net: np.ndarray) -> np.ndarray:
    """The mean of 8x8 windows with stride 1; at the borders, of their part inside the map."""
    edges = ((0, 0), (3, 4), (3, 4), (0, 0))

    def sums(x):
        return np.lib.stride_tricks.sliding_window_view(np.pad(x, edges), (8, 8), (1, 2)).sum(
            (4, 5)
        )

    return sums(net) / sums(np.ones_like(net))


def _softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)
