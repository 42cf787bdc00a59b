"""Initial weights from files, and frozen layers."""

from itertools import takewhile
from pathlib import Path

import keras
import numpy as np

from ..errors import UserError
from ..flags import did_you_mean
from . import DLIB, IMAGENET, NETWORKS, applications, build_model, face_resnet, find_network
from .checkpoints import load_checkpoint
from .description import Original
from .heads import in_head


def initialised(
    architecture: dict, img_size: int, init: str, faces: np.ndarray | None = None
) -> tuple[keras.Model, dict, str]:
    """A network with initial weights, its architecture, and a line for the user.

    Args:
        architecture: as `build_model` takes it; arguments that it lacks come from the checkpoint,
            such as the scale of the original toolkit's networks.
        img_size: side of the faces in pixels.
        init: a checkpoint, also of the original toolkit, "imagenet" or "dlib".
        faces: a few hundred of the training faces, for `face_resnet.load_dlib`.

    Raises:
        UserError: the weights are of another network, or the download of ImageNet's fails.
    """
    if init not in (IMAGENET, DLIB):
        return _from_checkpoint(architecture, img_size, Path(init))
    name = architecture["name"]
    if init == DLIB and name != "face_resnet":
        raise UserError(f"--init dlib requires --arch face_resnet, received {name}")
    if init == IMAGENET and name in NETWORKS:
        raise UserError(f"--init imagenet requires --arch EfficientNetB3 or such, received {name}")
    model = build_model(architecture, img_size)
    if init == DLIB:
        face_resnet.load_dlib(model, face_resnet.dlib_file(), faces)
    else:
        applications.load_imagenet(model)
    return model, architecture, f"{name}: initial weights from {init}, random heads"


def _from_checkpoint(
    architecture: dict, img_size: int, path: Path
) -> tuple[keras.Model, dict, str]:
    name, depth, width = (architecture.get(key) for key in ("name", "depth", "width"))
    source, found = load_checkpoint(path, Original(depth or 16, width or 8, img_size))
    if find_network(found.architecture["name"]) == find_network(name):
        # The age loss decides on the age head.
        stored = {k: value for k, value in found.architecture.items() if k != "age_head"}
        architecture = {**stored, **architecture}
        model = build_model(architecture, img_size)
        if _copy_weights(model, source, heads=False):
            fit = _copy_weights(model, source, heads=True)
            heads = "heads included" if fit else "random heads, as the file's have other shapes"
            mirror = "; without its mirror average, see export.py --mirror" if found.mirror else ""
            return model, architecture, f"{name}: initial weights from {path.name}, {heads}{mirror}"
    raise UserError(
        f"--init: expected weights of {architecture}, found {found.architecture} in {path}"
    )


def _copy_weights(model: keras.Model, source: keras.Model, heads: bool) -> bool:
    """Copy the weights of the heads, or of all other layers; False if their shapes differ.

    Extra blocks of face_resnet that the source lacks stay the identity.
    """
    layers, sources = (
        [layer for layer in network.layers if layer.weights and in_head(layer) == heads]
        for network in (model, source)
    )
    stored = {layer.name for layer in sources}
    layers = [la for la in layers if la.name in stored or not face_resnet.is_extra(la.name)]
    weights, values = ([w for layer in own for w in layer.weights] for own in (layers, sources))
    if [weight.shape for weight in weights] != [value.shape for value in values]:
        return False
    for weight, value in zip(weights, values, strict=True):
        weight.assign(value)
    return True


def freeze_until(model: keras.Model, layer_name: str) -> int:
    """Freeze all layers up to and including this one, before the model is compiled.

    Their batch normalizations keep their statistics. Returns the number of frozen layers with
    weights. Raises `UserError` if no layer before the heads has this name.
    """
    trunk = [*takewhile(lambda layer: not in_head(layer), model.layers)]
    names = [layer.name for layer in trunk]
    if layer_name not in names:
        raise UserError(
            f"--freeze_until: expected a layer of {model.name} before its heads, such as "
            f"{', '.join(names[1:5])}, received {layer_name}{did_you_mean(layer_name, names)}"
        )
    frozen = trunk[: names.index(layer_name) + 1]
    for layer in frozen:
        layer.trainable = False
    return sum(bool(layer.weights) for layer in frozen)
