"""The twin heads that every network ends with."""

import keras

from src.labels import GENDERS, MAX_AGE

WEIGHT_DECAY = 5e-4
OUTPUTS = ("pred_gender", "pred_age")


def twin_heads(features: keras.KerasTensor) -> list[keras.KerasTensor]:
    """Gender (N, 2) and age (N, 101) distributions from features (N, F), float32 always."""
    return [
        keras.layers.Dense(
            classes,
            activation="softmax",
            use_bias=False,
            kernel_initializer="he_normal",
            kernel_regularizer=keras.regularizers.L2(WEIGHT_DECAY),
            dtype="float32",
            name=name,
        )(features)
        for name, classes in zip(OUTPUTS, (len(GENDERS), MAX_AGE + 1), strict=True)
    ]
