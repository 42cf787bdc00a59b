"""The networks, by name, and how their weights are kept."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from src.errors import UserError

if TYPE_CHECKING:
    import keras

RESNETS = {"resnet18": 18, "resnet34": 34, "resnet50": 50, "resnet101": 101}
NETWORKS = ("wide_resnet", *RESNETS, "face_resnet")  # and those of keras.applications


def network_name(text: str) -> str:
    """A network's name as checkpoints write it: one of `NETWORKS`, or of keras.applications.

    The latter may be given in capitals or not, but for those that only capitals tell from ours:
    ResNet50 and ResNet101 are not resnet50 and resnet101. Raises `UserError` for another name.
    """
    if text in NETWORKS:
        return text
    from src.models import applications

    others = applications.names()
    if text in others:
        return text
    known = {name.lower(): name for name in (*others, *NETWORKS)}
    if text.lower() in known:
        return known[text.lower()]
    near = [known[name] for name in get_close_matches(text.lower(), known)]
    raise UserError(
        f"--arch: expected {', '.join(NETWORKS)} or a name of keras.applications, received {text}; "
        f"near it are {', '.join(near) or 'none'}"
    )


def build_model(architecture: dict, img_size: int) -> keras.Model:
    """The untrained network of an architecture, as a checkpoint describes it.

    architecture: `name`, and the arguments of that name's `build`. The network takes faces
    (N, img_size, img_size, 3), BGR, 0..255, and gives `pred_gender` (N, 2) and `pred_age` (N, 101).
    """
    # Imported here: descriptions are read where Keras is not installed.
    from src.models import applications, face_resnet, resnet, wide_resnet

    arguments = dict(architecture)
    name = network_name(str(arguments.pop("name")))
    if name == "wide_resnet":
        return wide_resnet.build(img_size, **arguments)
    if name in RESNETS:
        return resnet.build(img_size, RESNETS[name], **arguments)
    if name == "face_resnet":
        return face_resnet.build(img_size, **arguments)
    return applications.build(img_size, name, **arguments)
