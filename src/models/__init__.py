"""Registry of networks: builders by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import UserError
from ..extras import resolve
from ..flags import did_you_mean

if TYPE_CHECKING:
    import keras

IMAGENET, DLIB = "imagenet", "dlib"  # named initial weights
RESNETS = {"resnet18": 18, "resnet34": 34, "resnet50": 50, "resnet101": 101}  # layers
# Name -> "module:function" and its fixed arguments. The function is imported at first use, as
# descriptions are read without Keras, and called as `build(img_size, **arguments)`.
NETWORKS = {
    "wide_resnet": (".models.wide_resnet:build", {}),
    **{name: (".models.resnet:build", {"depth": depth}) for name, depth in RESNETS.items()},
    "face_resnet": (".models.face_resnet:build", {}),
}


def network_name(text: str) -> str:
    """The name of a network as checkpoints store it: one of `NETWORKS` or of keras.applications.

    Names of keras.applications may be in any case, except that ResNet50 and ResNet101 are distinct
    from resnet50 and resnet101. Raises `UserError` for unknown names.
    """
    if text in NETWORKS:
        return text
    from . import applications

    others = applications.names()
    if text in others:
        return text
    known = {name.lower(): name for name in (*others, *NETWORKS)}
    if text.lower() in known:
        return known[text.lower()]
    raise UserError(
        f"--arch: expected {', '.join(NETWORKS)} or a name of keras.applications, received {text}"
        f"{did_you_mean(text, known.values())}"
    )


def build_model(architecture: dict, img_size: int, mirror: bool = False) -> keras.Model:
    """The untrained network of an architecture.

    Args:
        architecture: `name`, and arguments of its builder, as a checkpoint stores them.
        img_size: side of the faces in pixels.
        mirror: whether scores are averaged over the face and its mirror image; for prediction only.

    Returns:
        The network of faces (N, img_size, img_size, 3), BGR, 0..255, with the outputs `pred_gender`
        (N, 2) and `pred_age` (N, 101).
    """
    arguments = dict(architecture)
    name = network_name(str(arguments.pop("name")))
    application = ".models.applications:build", {"name": name}
    builder, fixed = NETWORKS.get(name, application)
    return resolve(builder)(img_size, mirror=mirror, **fixed, **arguments)
