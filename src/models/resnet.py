"""IR-SE residual network, as in the PyTorch toolkit, https://github.com/foamliu/Age-and-Gender.

Its improved residual (IR) block is that of ArcFace (Deng et al., CVPR 2019,
https://arxiv.org/abs/1801.07698), its squeeze-and-excitation that of Hu et al., CVPR 2018,
https://arxiv.org/abs/1709.01507.
"""

import keras
from keras import layers

from .blocks import conv

# Blocks per stage. The PyTorch toolkit has no bottlenecks: its resnet50 equals its resnet34.
BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
_SQUEEZE = 16  # reduction ratio of squeeze-and-excitation


def build(
    faces: keras.KerasTensor,
    depth: int = 18,
    width: int = 8,
    use_se: bool = False,
    dropout: float = 0.5,
) -> keras.KerasTensor:
    """Features of IR-ResNet-`depth` for faces (N, S, S, 3), BGR, 0..255, scaled to -1..1 first.

    Args:
        width: the stages have 8, 16, 32 and 64 times as many channels; the PyTorch toolkit has 8.
        use_se: weight each block's channels by squeeze-and-excitation.
        dropout: dropout rate of the features.
    """
    net = _conv(layers.Rescaling(1 / 127.5, -1)(faces), 8 * width, padding="valid")
    net = layers.MaxPooling2D()(_prelu()(_norm(net)))
    for stage, blocks in enumerate(BLOCKS[depth], 1):
        for block in range(1, blocks + 1):
            stride = 2 if stage > 1 and block == 1 else 1
            channels = 4 * width * 2**stage
            net = _block(net, channels, stride, use_se, f"stage{stage}_block{block}")
    return layers.Flatten()(layers.Dropout(dropout)(_norm(net)))


def _block(
    net: keras.KerasTensor, channels: int, stride: int, use_se: bool, name: str
) -> keras.KerasTensor:
    """Two 3x3 convolutions and a shortcut; one slope serves both of its PReLUs."""
    prelu = _prelu()
    main = _conv(_norm(net), net.shape[-1])
    main = prelu(_norm(main))
    main = _norm(_conv(main, channels, stride))
    if use_se:
        main = _squeeze_and_excite(main)
    shortcut = _norm(_conv(net, channels, stride, size=1)) if stride > 1 else net
    return prelu(layers.Add(name=name)([main, shortcut]))


def _squeeze_and_excite(net: keras.KerasTensor) -> keras.KerasTensor:
    channels = net.shape[-1]
    initial = {"kernel_initializer": "glorot_normal"}
    weights = layers.GlobalAveragePooling2D(keepdims=True)(net)
    weights = _prelu()(layers.Dense(max(1, channels // _SQUEEZE), **initial)(weights))
    weights = layers.Dense(channels, "sigmoid", **initial)(weights)
    return layers.Multiply()([net, weights])


def _conv(
    net: keras.KerasTensor, channels: int, stride: int = 1, size: int = 3, padding: str = "same"
) -> keras.KerasTensor:
    if stride > 1 and size > 1:
        # "same" would pad below and right only, and shift the block half a pixel off its shortcut.
        net, padding = layers.ZeroPadding2D(size // 2)(net), "valid"
    initializer = "glorot_normal"
    return conv(channels, size, stride, padding=padding, kernel_initializer=initializer)(net)


def _norm(net: keras.KerasTensor) -> keras.KerasTensor:
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(net)


def _prelu() -> layers.PReLU:
    """A PReLU with one slope for all channels, 0.25 at first."""
    slope = keras.initializers.Constant(0.25)
    return layers.PReLU(alpha_initializer=slope, shared_axes=[1, 2, 3])
