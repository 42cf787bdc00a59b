"""Layers with weight decay."""

from keras import layers, regularizers

_WEIGHT_DECAY = 5e-4


def conv(
    channels: int, size: int = 3, stride: int = 1, kernel_initializer: str = "he_normal", **options
) -> layers.Conv2D:
    """A convolution without bias; its padding is "same" by default."""
    return layers.Conv2D(
        channels,
        size,
        strides=stride,
        use_bias=False,
        kernel_initializer=kernel_initializer,
        kernel_regularizer=regularizers.L2(_WEIGHT_DECAY),
        **{"padding": "same", **options},
    )


def dense(
    units: int, activation: str | None = None, kernel_initializer: str = "he_normal", **options
) -> layers.Dense:
    """A fully connected layer."""
    return layers.Dense(
        units,
        activation=activation,
        kernel_initializer=kernel_initializer,
        kernel_regularizer=regularizers.L2(_WEIGHT_DECAY),
        **options,
    )
