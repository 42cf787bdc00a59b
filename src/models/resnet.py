"""IR-SE residual network, as in the PyTorch toolkit, https://github.com/foamliu/Age-and-Gender.

Its improved residual (IR) block is that of ArcFace (Deng et al., CVPR 2019,
https://arxiv.org/abs/1801.07698), its squeeze-and-excitation that of Hu et al., CVPR 2018,
https://arxiv.org/abs/1709.01507.
"""

import keras
from keras import layers

from ..errors import UserError
from .blocks import conv, dense
from .heads import faces_input, twin_heads

# Blocks per stage. The PyTorch toolkit has no bottlenecks: its resnet50 equals its resnet34.
BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
HIDDEN = 512
SQUEEZE = 16  # reduction ratio of squeeze-and-excitation
SMALLEST = 32


def build(
    img_size: int,
    depth: int = 18,
    width: int = 8,
    use_se: bool = False,
    dropout: float = 0.5,
    mirror: bool = False,
    age_head: str = "softmax",
) -> keras.Model:
    """IR-ResNet-`depth` for faces (N, img_size, img_size, 3), BGR, 0..255, scaled to -1..1 first.

    width: the stages have 8, 16, 32 and 64 times as many channels; 8 is the PyTorch toolkit's.
    use_se: weight each block's channels by squeeze-and-excitation.
    dropout: dropout rate before the fully connected layers.
    mirror: whether scores are averaged over the face and its mirror image; for prediction only.
    age_head: the kind of the age head, see `heads.twin_heads`.
    Raises `UserError` for images of less than 32 pixels.
    """
    if img_size < SMALLEST:
        raise UserError(
            f"resnet{depth}: expected images of {SMALLEST} pixels or more, received {img_size}"
        )
    inputs, net = faces_input(img_size, mirror)
    net = layers.Rescaling(1 / 127.5, -1)(net)
    net = _conv(net, 8 * width, padding="valid")
    net = _prelu()(_norm(net))
    net = layers.MaxPooling2D()(net)
    for stage, blocks in enumerate(BLOCKS[depth], 1):
        for block in range(1, blocks + 1):
            stride = 2 if stage > 1 and block == 1 else 1
            channels = 4 * width * 2**stage
            net = _block(net, channels, stride, use_se, f"stage{stage}_block{block}")
    net = layers.Dropout(dropout)(_norm(net))
    features = layers.Flatten()(net)
    heads = twin_heads(features, hidden=HIDDEN, use_bias=True, mirror=mirror, age_head=age_head)
    return keras.Model(inputs, heads, name=f"resnet{depth}")


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
    shortcut = net
    if stride > 1:
        shortcut = _norm(_conv(net, channels, stride, size=1))
    return prelu(layers.Add(name=name)([main, shortcut]))


def _squeeze_and_excite(net: keras.KerasTensor) -> keras.KerasTensor:
    channels = net.shape[-1]
    weights = layers.GlobalAveragePooling2D(keepdims=True)(net)
    weights = dense(max(1, channels // SQUEEZE), None, "glorot_normal")(weights)
    weights = dense(channels, "sigmoid", "glorot_normal")(_prelu()(weights))
    return layers.Multiply()([net, weights])


def _conv(
    net: keras.KerasTensor, channels: int, stride: int = 1, size: int = 3, padding: str = "same"
) -> keras.KerasTensor:
    if stride > 1 and size > 1:
        # "same" would pad below and right only, and shift the block half a pixel off its shortcut.
        net, padding = layers.ZeroPadding2D(size // 2)(net), "valid"
    return conv(channels, size, stride, "glorot_normal", padding=padding)(net)


def _norm(net: keras.KerasTensor) -> keras.KerasTensor:
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(net)


def _prelu() -> layers.PReLU:
    """A PReLU with one slope for all channels, 0.25 at first."""
    slope = keras.initializers.Constant(0.25)
    return layers.PReLU(alpha_initializer=slope, shared_axes=[1, 2, 3])
