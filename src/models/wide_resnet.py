"""Wide residual network: Zagoruyko & Komodakis, BMVC 2016, https://arxiv.org/abs/1605.07146."""

import keras
from keras import layers

from ..errors import UserError
from .blocks import conv


def build(
    faces: keras.KerasTensor,
    depth: int = 16,
    width: int = 8,
    pool: str = "global",
    scale: float = 1 / 255,
    dropout: float = 0.0,
) -> keras.KerasTensor:
    """Features of WideResNet-`depth`-`width` for faces (N, S, S, 3), BGR, 0..255.

    Args:
        pool: "global" averages the last feature map into 64 * width features; "8x8" averages
            windows of 8x8 with stride 1 and flattens them, as the original toolkit's published
            weights need.
        scale: factor of the pixels at the input; 1 for the original toolkit's weights.
        dropout: dropout rate between the convolutions of a block.

    Raises:
        UserError: no WideResNet is `depth` layers deep.
    """
    if depth < 10 or (depth - 4) % 6:
        raise UserError(
            f"--depth: expected 6n+4, which is 10, 16, 22, 28, ..., received {depth}; "
            f"the nearest is {max(10, round((depth - 4) / 6) * 6 + 4)}"
        )
    net = conv(16)(layers.Rescaling(scale)(faces))
    for stage, channels in enumerate((16 * width, 32 * width, 64 * width), 1):
        for block in range(1, (depth - 4) // 6 + 1):
            stride = 2 if stage > 1 and block == 1 else 1
            net = _block(net, channels, stride, dropout, f"stage{stage}_block{block}")
    net = _norm_relu(net)
    if pool == "global":
        return layers.GlobalAveragePooling2D()(net)
    return layers.Flatten()(layers.AveragePooling2D(8, strides=1, padding="same")(net))


def _block(
    net: keras.KerasTensor, channels: int, stride: int, dropout: float, name: str
) -> keras.KerasTensor:
    """Two 3x3 convolutions and a shortcut, which is the identity if the shape stays the same.

    The layers are in the original toolkit's order, main convolutions before the shortcut's, as its
    weight files are read by topology.
    """
    same = net.shape[-1] == channels
    normed = _norm_relu(net)
    main = conv(channels, stride=stride)(normed)
    main = layers.Dropout(dropout)(_norm_relu(main))
    main = conv(channels)(main)
    shortcut = net if same else conv(channels, 1, stride)(normed)
    return layers.Add(name=name)([main, shortcut])


def _norm_relu(net: keras.KerasTensor) -> keras.KerasTensor:
    return layers.Activation("relu")(layers.BatchNormalization()(net))
