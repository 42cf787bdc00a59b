"""Conversion to networks of the original toolkit, for its `load_weights`.

The original WideResNet takes 0..255 without scaling, and ends in AveragePooling2D(8, strides=1,
padding="same") and Flatten. Our heads use the mean of the whole map, which is the mean of the
windows that tile it. So one of our heads equals a head of the original toolkit with the same
weights at the windows that tile the map, and zeros at all other windows.
"""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from ..errors import UserError
from ..models import build_model
from ..models.description import Description

_STRIDE = 4  # pixels of a face per pixel of the last map
_WINDOW = 8
_BEFORE = 3  # pixels of a window before its centre; "same" padding adds 3 before and 4 after


def to_original(
    path: Path, model: keras.Model, description: Description
) -> tuple[keras.Model, Description]:
    """The original toolkit's network with the same predictions as `model`, read from `path`.

    Raises `UserError` if the original toolkit has no such network.
    """
    ours, size = description.architecture, description.crop.size
    is_global, tile = ours.get("pool", "global") == "global", _STRIDE * _WINDOW
    is_wide_resnet = ours["name"] == "wide_resnet" and "age_head" not in ours
    if not is_wide_resnet or description.mirror or (is_global and size % tile):
        raise UserError(
            f"{path}: expected a wide_resnet with a softmax, without --mirror, for faces of a "
            f"multiple of {tile} pixels, the only networks of the original toolkit, found {ours}, "
            f"mirror {description.mirror}, {size} pixels; use --format hdf5"
        )
    first, *middle, gender, age = model.get_weights()
    (scaling,) = (layer for layer in model.layers if isinstance(layer, keras.layers.Rescaling))
    first *= np.float32(scaling.scale)  # scales the pixels, as there are no biases
    if is_global:
        gender, age = (_spread(head, size // _STRIDE) for head in (gender, age))
    theirs = {**ours, "pool": "8x8", "scale": 1}
    original = build_model(theirs, size)
    original.set_weights([first, *middle, gender, age])
    return original, replace(description, architecture=theirs)


def _spread(head: np.ndarray, side: int) -> np.ndarray:
    """Weights of a head for the mean of a map, (F, classes), as weights for its windows' means,
    (side * side * F, classes)."""
    spread = np.zeros((side, side, *head.shape), head.dtype)
    tiles = slice(_BEFORE, None, _WINDOW)
    spread[tiles, tiles] = head / (side // _WINDOW) ** 2
    return spread.reshape(-1, head.shape[1])
