"""dlib's face recognition network with two heads.

The residual network of 29 convolutions behind `face_recognition`: King, "High quality face
recognition with deep metric learning", 2017,
http://blog.dlib.net/2017/02/high-quality-face-recognition-with-deep.html, a thinner ResNet-34 (He
et al., CVPR 2016). Its weights are in the public domain, in the PyPI package
face_recognition_models. A network without normalization is hard to fine-tune: here a batch
normalization follows every convolution, and `load_dlib` sets it so that the features are dlib's.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
from keras import layers, ops

from ..extras import package_file
from ..files import wrap_read_errors
from .blocks import conv

# Channels, number of blocks and whether the first one halves the resolution, per stage.
STAGES = ((32, 3, False), (64, 4, True), (128, 3, True), (256, 3, True), (256, 1, True))
MEANS = (122.782, 117.001, 104.298)  # grey levels, RGB
SCALE = 1 / 256
_EPSILON = 1e-5
# The name and the packed shape of the tensors of convolutions and affine layers in dlib's file.
_TENSOR = re.compile(rb"\x01(?:\x05con_4|\x07affine_)\x01\x02(?:\x01.|\x02..|\x03...){4}", re.S)


def build(
    faces: keras.KerasTensor, dropout: float = 0.2, extra_blocks: Sequence[int] = (0, 0, 0, 0, 0)
) -> keras.KerasTensor:
    """Features for faces (N, S, S, 3), BGR, 0..255, of at least 103 pixels: the averages of the
    last two stages.

    Args:
        dropout: dropout rate of the features.
        extra_blocks: number of blocks added at the end of each stage. They begin as the identity,
            so that weights of a network with fewer blocks are a start.
    """
    net = layers.Rescaling(SCALE, [-mean * SCALE for mean in MEANS])(faces[..., ::-1])
    net = layers.ReLU()(_conv_norm(net, 32, "stem", size=7, stride=2))
    net = layers.MaxPooling2D(3, 2)(net)
    averages = []
    for stage, (channels, blocks, halves) in enumerate(STAGES, 1):
        for block in range(1, blocks + 1 + extra_blocks[stage - 1]):
            name = f"stage{stage}_block{block}"
            net = _block(net, channels, halves and block == 1, name, is_extra(name))
        averages.append(layers.GlobalAveragePooling2D()(net))
    features = layers.Concatenate(name="features")(averages[-2:])
    norm = layers.BatchNormalization(momentum=0.9, epsilon=_EPSILON, name="features_norm")
    return layers.Dropout(dropout)(norm(features))


def is_extra(name: str) -> bool:
    """Whether a block, or the layer of a block, is not part of dlib's network."""
    found = re.match(r"stage(\d)_block(\d+)", name)
    return bool(found) and int(found[2]) > STAGES[int(found[1]) - 1][1]


def _block(
    net: keras.KerasTensor, channels: int, halves: bool, name: str, is_identity: bool
) -> keras.KerasTensor:
    """Two 3x3 convolutions and a shortcut without weights, which is averaged if the block halves
    the resolution. The smaller of both is padded with zeros.

    is_identity: whether the last normalization starts with a gamma of 0, as in Goyal et al., 2017,
        https://arxiv.org/abs/1706.02677, so that the block returns its input.
    """
    main = layers.ReLU()(_conv_norm(net, channels, f"{name}_1", stride=2 if halves else 1))
    gamma = "zeros" if is_identity else "ones"
    main = _conv_norm(main, channels, f"{name}_2", gamma_initializer=gamma)
    if halves:
        net = layers.AveragePooling2D(2, 2)(net)
        short = net.shape[1] - main.shape[1]
        main = layers.ZeroPadding2D(((0, short), (0, short)))(main) if short else main
        added = channels - net.shape[-1]
        net = ops.pad(net, ((0, 0), (0, 0), (0, 0), (0, added))) if added else net
    return layers.ReLU(name=name)(layers.Add()([main, net]))


def _conv_norm(
    net: keras.KerasTensor, channels: int, name: str, size: int = 3, stride: int = 1, **options
) -> keras.KerasTensor:
    padding = "valid" if stride > 1 else "same"
    net = conv(channels, size, stride, padding=padding, name=f"{name}_conv")(net)
    norm = {"momentum": 0.9, "epsilon": _EPSILON, "name": f"{name}_norm"} | options
    return layers.BatchNormalization(**norm)(net)


def load_dlib(model: keras.Model, path: Path, faces: np.ndarray) -> None:
    """Set the weights of `build`'s network to dlib's `dlib_face_recognition_resnet_model_v1.dat`.

    Kernels are scaled to the deviation of He et al. (ICCV 2015), and the normalizations undo it, so
    that the features are the same as dlib's and usual learning rates apply.

    faces: uint8 (N, S, S, 3), BGR, a few hundred, for the statistics of the normalizations.
    Raises `UserError` if the file holds other weights.
    """
    own = [layer for layer in model.layers if not is_extra(layer.name)]
    convolutions = [layer for layer in own if isinstance(layer, layers.Conv2D)]
    parameters = read_dlib(path, [tuple(layer.kernel.shape) for layer in convolutions])
    norms = [model.get_layer(la.name.replace("_conv", "_norm")) for la in convolutions]
    matched = [*zip(convolutions, norms, parameters, strict=True)]
    for layer, norm, (kernel, bias) in matched:
        layer.set_weights([kernel])
        norm.set_weights([np.ones_like(bias), bias, 0 * bias, np.full_like(bias, 1 - _EPSILON)])
    outputs = [*(layer.output for layer in convolutions), model.get_layer("features").output]
    *responses, features = _moments(keras.Model(model.inputs, outputs), faces)
    for (layer, norm, (kernel, bias)), (mean, variance) in zip(matched, responses, strict=True):
        scale = np.sqrt(2 / np.prod(kernel.shape[:3])) / kernel.std()
        gamma = np.sqrt(variance + _EPSILON / scale**2)
        layer.set_weights([kernel * scale])
        norm.set_weights([gamma, bias + mean, mean * scale, variance * scale**2])
    norm = model.get_layer("features_norm")
    norm.set_weights([*norm.get_weights()[:2], *features])


def _moments(model: keras.Model, faces: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Mean and variance per channel, float64 (C,) each, of every output."""
    sums = [0.0] * len(model.outputs)
    for batch in np.array_split(faces, -(-len(faces) // 32)):
        for i, output in enumerate(model.predict_on_batch(batch)):
            values = np.asarray(output, np.float64).reshape(-1, output.shape[-1])
            sums[i] += np.stack([values, values**2]).mean(axis=1) * len(batch) / len(faces)
    return [(mean, squares - mean**2) for mean, squares in sums]


def dlib_file() -> Path:
    """The file of dlib's network; `UserError` if its package is not installed."""
    file = "models/dlib_face_recognition_resnet_model_v1.dat"
    return package_file("face_recognition_models", file, "face_recognition_models==0.3.0")


def read_dlib(
    path: Path, shapes: list[tuple[int, int, int, int]]
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Kernels (height, width, in, out) and biases (out,), float32, of dlib's convolutions.

    dlib writes the layers from input to output. A tensor is its shape, four packed integers,
    followed by its float32 values. The affine layer after each convolution is folded into it.

    shapes: of the kernels.
    """
    found = []
    with wrap_read_errors(path, "dlib's face recognition network"):
        data = path.read_bytes()
        starts = [match.end() for match in _TENSOR.finditer(data)]
        for shape, convolution, affine in zip(shapes, starts[::2], starts[1::2], strict=True):
            height, width, channels, filters = shape
            values = np.frombuffer(data, "<f4", int(np.prod(shape)) + filters, convolution)
            kernel, bias = np.split(values, [-filters])
            scale, shift = np.split(np.frombuffer(data, "<f4", 2 * filters, affine), 2)
            kernel = kernel.reshape(filters, channels, height, width).transpose(2, 3, 1, 0)
            found.append((kernel * scale, bias * scale + shift))
    return found
