"""Checkpoints: weights that say which network they belong to and what its faces look like.

A checkpoint is HDF5, its weights laid out by layer as Keras 2 lays them out and Keras 3 reads them.
Its attribute `description` is JSON; files of the original toolkit have none and are recognised by
their shapes. Weights are always read by topology and checked shape by shape; nothing in a file is
ever run.
"""

import json
from pathlib import Path

import h5py
import keras
import numpy as np

from src import __version__
from src.errors import UserError
from src.files import replacing_hdf5
from src.models import build_model
from src.models.description import Description, describe, read_description

_ATTRIBUTE = "description"
# Numbers. Smaller weights, normalisations and the first kernel, count for most of what float16
# changes in an age (0.07 years, and 0.01 without them), and for little of the size.
_LARGE = 4096
Shapes = list[tuple[str, list[tuple[int, ...]]]]  # layers that have weights, and their shapes


def save_checkpoint(
    path: Path, model: keras.Model, description: Description, half: bool = False
) -> None:
    """Write the model's weights and their description to `path`, whole or not at all.

    half: store large weights as float16; a network that is loaded computes in float32 all the same.
    """
    with replacing_hdf5(path) as file:
        file.attrs[_ATTRIBUTE] = json.dumps(describe(description))
        layers = [layer for layer in model.layers if layer.weights]
        file.attrs["layer_names"] = np.array([layer.name for layer in layers], "S")
        file.attrs["backend"], file.attrs["keras_version"] = b"tensorflow", b"2"  # the layout's
        for layer in layers:
            group = file.create_group(layer.name)
            names = [f"{i}_{weight.name}" for i, weight in enumerate(layer.weights)]
            group.attrs["weight_names"] = np.array(names, "S")
            for name, weight in zip(names, layer.get_weights(), strict=True):
                is_large = weight.size >= _LARGE
                group[name] = weight.astype(np.float16) if half and is_large else weight


def load_checkpoint(path: Path, depth: int = 16, width: int = 8) -> tuple[keras.Model, Description]:
    """The network of a checkpoint, with its weights, and its description.

    depth, width: of the WideResNet in a file of the original toolkit that holds weights alone.
    Raises `UserError` where the file is missing, is no HDF5, or does not fit the network.
    """
    if not path.is_file():
        raise UserError(f"{path}: expected a weight file, found none; check --weight_file")
    try:
        with h5py.File(path) as file:
            layers = _layers(path, file)
            shapes = [(name, [w.shape for w in weights]) for name, weights in layers]
            if _ATTRIBUTE in file.attrs:
                description = read_description(path, file.attrs[_ATTRIBUTE])
            else:
                says_network = "model_config" in file.attrs
                description = _describe_original(
                    path, shapes, None if says_network else (depth, width)
                )
            model = _build(path, description)
            _check_shapes(path, model, shapes)
            model.set_weights([w[()] for _, weights in layers for w in weights])
    except (OSError, RuntimeError, KeyError) as error:  # what h5py raises
        raise UserError(
            f"{path}: expected a weight file, HDF5; it is none or is cut short: {error}"
        ) from error
    return model, description


def _build(path: Path, description: Description) -> keras.Model:
    try:
        return build_model(description.architecture, description.img_size)
    except (UserError, KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{path}: expected a network that version {__version__} of the toolkit knows, found "
            f"{description.architecture} for pictures of {description.img_size!r} pixels"
        ) from error


def _layers(path: Path, file: h5py.File) -> list[tuple[str, list[h5py.Dataset]]]:
    """Layers that have weights, in the file's order, with their weights."""
    root = file.get("model_weights", file)
    if "layer_names" not in root.attrs:
        raise UserError(
            f"{path}: expected weights laid out by layer, as in .hdf5 files of this toolkit and of "
            f"Keras 1 and 2; found {', '.join(list(root)[:5]) or 'nothing'}"
        )
    layers = []
    for name in map(_text, root.attrs["layer_names"]):
        weights = [root[name][_text(weight)] for weight in root[name].attrs["weight_names"]]
        if weights:
            layers.append((name, weights))
    return layers


def _text(name: bytes | str) -> str:
    return name.decode() if isinstance(name, bytes) else name


def _describe_original(path: Path, shapes: Shapes, expected: tuple[int, int] | None) -> Description:
    """The description that a file of the original toolkit lacks, from its weights' shapes.

    expected: depth and width that the file must have, where it does not name its network.
    """
    convolutions = [s[0] for _, s in shapes if len(s) == 1 and len(s[0]) == 4]
    shortcuts = sum(shape[:2] == (1, 1) for shape in convolutions)
    depth = len(convolutions) - shortcuts + 3  # 1 + 6n convolutions beside the shortcuts
    if depth < 10 or (depth - 4) % 6 or convolutions[0][2:] != (3, 16):
        first = ", ".join(f"{name} {s}" for name, s in shapes[:3])
        raise UserError(
            f"{path}: expected a checkpoint of this toolkit or a WideResNet of the original one, "
            f"found {len(shapes)} layers: {first}, ..."
        )
    width = convolutions[1][3] // 16
    if expected not in (None, (depth, width)):
        raise UserError(
            f"{path}: expected WideResNet-{expected[0]}-{expected[1]}, found "
            f"WideResNet-{depth}-{width}; give --depth {depth} --width {width}"
        )
    features = shapes[-1][1][0][0]
    side = round((features / (64 * width)) ** 0.5) if width else 0
    is_global = side <= 1
    architecture = {
        "name": "wide_resnet",
        "depth": depth,
        "width": width,
        "pool": "global" if is_global else "8x8",
        "scale": 1,
    }
    return Description(architecture, img_size=64 if is_global else 4 * side)


def _check_shapes(path: Path, model: keras.Model, shapes: Shapes) -> None:
    """Raise `UserError` at the first layer of the file that is not the network's."""
    layers = [(layer.name, [tuple(w.shape) for w in layer.weights]) for layer in model.layers]
    layers = [layer for layer in layers if layer[1]]
    for (name, expected), (found_name, found) in zip(layers, shapes, strict=False):
        if expected != found:
            raise UserError(
                f"{path}: does not fit {model.name}: expected weights {expected} for its layer "
                f"{name}, found {found} in the file's layer {found_name}"
            )
    if len(layers) != len(shapes):
        raise UserError(
            f"{path}: does not fit {model.name}: expected {len(layers)} layers with weights, "
            f"found {len(shapes)}"
        )
