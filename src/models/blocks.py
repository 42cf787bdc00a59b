"""Convolutions of the toolkit's own networks."""

from keras import layers


def conv(channels: int, size: int = 3, stride: int = 1, **options) -> layers.Conv2D:
    """A convolution without bias; by default its padding is "same"."""
    defaults = {"padding": "same", "kernel_initializer": "he_normal"}
    return layers.Conv2D(channels, size, stride, use_bias=False, **defaults | options)
