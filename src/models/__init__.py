"""Registry of networks: builders by name."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..errors import UserError
from ..extras import resolve
from ..flags import did_you_mean

if TYPE_CHECKING:
    import keras

IMAGENET, DLIB = "imagenet", "dlib"  # named initial weights
RESNETS = {"resnet18": 18, "resnet34": 34, "resnet50": 50, "resnet101": 101}  # layers


@dataclass(frozen=True)
class Network:
    """An entry of `NETWORKS`.

    builder: "module:function" from faces (N, S, S, 3), BGR, 0..255, to features (N, F); imported at
        first use, as descriptions are read without Keras.
    arguments: its fixed arguments; a checkpoint stores all others.
    heads: options of `heads.twin_heads`.
    """

    builder: str
    arguments: dict = field(default_factory=dict)
    heads: dict = field(default_factory=dict)


NETWORKS = {
    "wide_resnet": Network(".models.wide_resnet:build", heads={"use_bias": False}),
    **{
        name: Network(".models.resnet:build", {"depth": depth}, {"hidden": 512})
        for name, depth in RESNETS.items()
    },
    "face_resnet": Network(".models.face_resnet:build"),
}


def find_network(name: str) -> Network:
    """The network of `NETWORKS`, or of keras.applications in any case; `UserError` for others."""
    if name in NETWORKS:
        return NETWORKS[name]
    import keras

    functions = filter(inspect.isfunction, vars(keras.applications).values())
    others = {function.__name__.lower(): function.__name__ for function in functions}
    if name.lower() in others:
        return Network(".models.applications:build", {"name": others[name.lower()]})
    raise UserError(
        f"--arch: expected {', '.join(NETWORKS)} or a name of keras.applications, received {name}"
        f"{did_you_mean(name, [*NETWORKS, *others.values()])}"
    )


def build_model(architecture: dict, img_size: int, mirror: bool = False) -> keras.Model:
    """The untrained network of faces (N, img_size, img_size, 3), BGR, 0..255, with the outputs
    `pred_gender` (N, 2) and `pred_age` (N, 101).

    Args:
        architecture: `name`, `age_head` of `heads.twin_heads`, and arguments of the builder, as a
            checkpoint stores them.
        img_size: side of the faces in pixels.
        mirror: whether scores are averaged over the face and its mirror image; for prediction only.

    Raises `UserError` if the network is unknown, or too deep for the faces.
    """
    import keras

    from .heads import average, twin_heads

    arguments = dict(architecture)
    name, age_head = str(arguments.pop("name")), arguments.pop("age_head", "softmax")
    network = find_network(name)
    faces = keras.Input((img_size, img_size, 3), name="faces")
    both = keras.ops.concatenate([faces, faces[:, :, ::-1]], axis=0) if mirror else faces
    try:
        features = resolve(network.builder)(both, **network.arguments, **arguments)
    except ValueError as error:  # each network has its own minimum size
        raise UserError(
            f"{name} cannot be built for faces of {img_size} pixels; larger ones may do: "
            f"{' '.join(str(error).split())}"
        ) from error
    heads = twin_heads(features, age_head=age_head, **network.heads)
    heads = [average(head) for head in heads] if mirror else heads
    return keras.Model(faces, heads, name=network.arguments.get("name", name))
