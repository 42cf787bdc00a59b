"""The networks, by name, and how their weights are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from src.models import wide_resnet

if TYPE_CHECKING:
    import keras

_BUILDERS = {"wide_resnet": wide_resnet.build}


def build_model(architecture: dict, img_size: int) -> keras.Model:
    """The untrained network of an architecture, as a checkpoint describes it.

    architecture: `name`, and the arguments of that name's `build`. The network takes faces
    (N, img_size, img_size, 3), BGR, 0..255, and gives `pred_gender` (N, 2) and `pred_age` (N, 101).
    """
    arguments = dict(architecture)
    return _BUILDERS[arguments.pop("name")](img_size, **arguments)
