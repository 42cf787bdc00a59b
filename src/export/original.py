"""A network as the original toolkit's, for its `load_weights`.

The original's WideResNet takes 0..255 as it is, and ends in the means of 8x8 windows one step apart
(AveragePooling2D(8, strides=1, padding="same")) and Flatten. The mean of the whole map, where our
heads begin, is the mean of those windows that tile it, so that a head of ours is one of the
original's with weights at their places and zeros at all others.
"""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from src.errors import UserError
from src.models import build_model
from src.models.description import Description

_STRIDE = 4  # pixels of a face to one of the last map
_WINDOW = 8
_BEFORE = 3  # what a window holds before its own place; "same" padding puts 3 before, 4 behind


def to_original(
    path: Path, model: keras.Model, description: Description
) -> tuple[keras.Model, Description]:
    """The original's network that predicts what `model`, which was read from `path`, predicts.

    Raises `UserError` where the original has no such network.
    """
    ours, size = description.architecture, description.img_size
    if ours["name"] != "wide_resnet":
        raise UserError(
            f"{path}: expected a wide_resnet, which is all that the original toolkit has, found "
            f"{ours['name']}; use --format hdf5"
        )
    if ours.get("mirror"):
        raise UserError(
            f"{path}: expected a network that sees a face once, as the original's does, found one "
            "made with --mirror; name the file that it was made of"
        )
    first, *middle, gender, age = model.get_weights()
    (scaling,) = (layer for layer in model.layers if isinstance(layer, keras.layers.Rescaling))
    first *= np.float32(scaling.scale)  # without biases, scaled pixels are a scaled first kernel
    if ours.get("pool", "global") == "global":
        if size % (_STRIDE * _WINDOW):
            raise UserError(
                f"{path}: expected faces of a multiple of {_STRIDE * _WINDOW} pixels, whose last "
                f"map 8x8 windows tile, found {size}; use --format hdf5"
            )
        gender, age = (_spread(head, size // _STRIDE) for head in (gender, age))
    theirs = {**ours, "pool": "8x8", "scale": 1}
    original = build_model(theirs, size)
    original.set_weights([first, *middle, gender, age])
    return original, replace(description, architecture=theirs)


def _spread(head: np.ndarray, side: int) -> np.ndarray:
    """A head on the mean of a map, (F, classes), as one on its windows' means, (side * side * F,
    classes)."""
    spread = np.zeros((side, side, *head.shape), head.dtype)
    tiles = slice(_BEFORE, None, _WINDOW)
    spread[tiles, tiles] = head / (side // _WINDOW) ** 2
    return spread.reshape(-1, head.shape[1])
