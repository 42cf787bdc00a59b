"""Initial weights from files, and frozen layers."""

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
        init: a checkpoint, also of the original toolkit, "imagenet", or for face_resnet "dlib" or
            dlib's .dat file. Heads of another shape are initialized at random.
        faces: uint8 (N, img_size, img_size, 3), BGR, a few hundred of the training faces, for
            `face_resnet.load_dlib`.

    Raises:
        UserError: the file is of another network, or the download of ImageNet's weights fails.
    """
    name, path = architecture["name"], Path(init)
    if init == IMAGENET:
        if name in NETWORKS:
            raise UserError(
                f"--init imagenet: expected a network of keras.applications, received {name}; "
                "pass --arch EfficientNetB3, for example, or a weight file"
            )
        model, source = build_model(architecture, img_size), "ImageNet"
        applications.load_imagenet(model)
    elif name == "face_resnet" and (init == DLIB or path.suffix == ".dat"):
        path = face_resnet.dlib_file() if init == DLIB else path
        model, source = build_model(architecture, img_size), path.name
        face_resnet.load_dlib(model, path, faces)
    else:
        return _from_checkpoint(architecture, img_size, path)
    return model, architecture, f"{name}: initial weights from {source}, random heads"


def _from_checkpoint(
    architecture: dict, img_size: int, path: Path
) -> tuple[keras.Model, dict, str]:
    name = architecture["name"]
    given = {key: architecture[key] for key in ("depth", "width") if key in architecture}
    source, found = load_checkpoint(path, Original(**given, img_size=img_size))
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
    if [_shapes(layer) for layer in layers] != [_shapes(layer) for layer in sources]:
        return False
    for layer, other in zip(layers, sources, strict=True):
        layer.set_weights(other.get_weights())
    return True


def _shapes(layer: keras.Layer) -> list[tuple[int, ...]]:
    return [tuple(weight.shape) for weight in layer.weights]


def freeze_until(model: keras.Model, layer_name: str) -> int:
    """Freeze all layers up to and including this one, before the model is compiled.

    Their batch normalizations keep their statistics. Returns the number of frozen layers with
    weights. Raises `UserError` if the layer is unknown, or no layer remains to train.
    """
    names = [layer.name for layer in model.layers]
    if layer_name not in names:
        raise UserError(
            f"--freeze_until: expected a layer of {model.name}, such as {', '.join(names[1:5])}, "
            f"received {layer_name}{did_you_mean(layer_name, names)}"
        )
    frozen = model.layers[: names.index(layer_name) + 1]
    for layer in frozen:
        layer.trainable = False
    if not model.trainable_weights:
        raise UserError(
            f"--freeze_until: expected a layer before the last one with weights, received "
            f"{layer_name}, which leaves none to train"
        )
    return sum(bool(layer.weights) for layer in frozen)
