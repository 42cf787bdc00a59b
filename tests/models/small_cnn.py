"""A network with few layers, for tests in which any network will do: TensorFlow traces it in half
the time of the smallest WideResNet."""

import keras
from keras import layers

from src.models.blocks import conv


def build(faces: keras.KerasTensor, channels: int = 16, dropout: float = 0.0) -> keras.KerasTensor:
    """One convolution for faces (N, S, S, 3), BGR, 0..255."""
    net = conv(channels, stride=2)(layers.Rescaling(1 / 255)(faces))
    net = layers.ReLU()(layers.BatchNormalization()(net))
    return layers.Dropout(dropout)(layers.GlobalAveragePooling2D()(net))
