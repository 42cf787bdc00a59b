"""A network with few layers, for tests in which any network will do: TensorFlow traces it in half
the time of the smallest WideResNet."""

import keras
from keras import layers

from src.models.blocks import conv
from src.models.heads import faces_input, twin_heads


def build(
    img_size: int,
    channels: int = 16,
    dropout: float = 0.0,
    mirror: bool = False,
    age_head: str = "softmax",
) -> keras.Model:
    """One convolution for faces (N, img_size, img_size, 3), BGR, 0..255."""
    inputs, net = faces_input(img_size, mirror)
    net = layers.Rescaling(1 / 255)(net)
    net = conv(channels, stride=2)(net)
    net = layers.BatchNormalization()(net)
    net = layers.ReLU()(net)
    net = layers.GlobalAveragePooling2D()(net)
    net = layers.Dropout(dropout)(net)
    return keras.Model(inputs, twin_heads(net, mirror=mirror, age_head=age_head), name="small_cnn")
