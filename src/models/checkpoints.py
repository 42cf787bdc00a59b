"""Checkpoints: weights with a description of their network.

A checkpoint is an HDF5 file with one group per layer, as in Keras 1 and 2; Keras 3 reads it too.
Its attribute `description` is JSON, its group `identities` holds the faces of its run; files of the
original toolkit have neither and are recognized by their shapes. Weights are always read by
topology. No code in a file is run.
"""

import json
from dataclasses import replace
from pathlib import Path

import h5py
import keras
import numpy as np

from .. import __version__
from ..data.identities import Identities
from ..errors import UserError
from ..faces.crop import FaceCrop
from ..files import check_input_file, replacing_hdf5, wrap_read_errors
from . import build_model
from .description import Description, Original, describe, read_description

_ATTRIBUTE, _IDENTITIES = "description", "identities"
# Number of values. Smaller weights, such as normalizations and the first kernel, stay float32: in
# float16 they would change ages by 0.07 years instead of 0.01, and save little space.
_LARGE = 4096
_COMPRESSED = {"compression": "gzip", "compression_opts": 9, "shuffle": True}


def save_checkpoint(
    path: Path, model: keras.Model, description: Description, half: bool = False
) -> None:
    """Write the model's weights and their description to `path`, atomically.

    half: store large weights as float16, compressed; the loaded network computes in float32.
    """
    with replacing_hdf5(path) as file:
        _write_description(file, description)
        layers = [layer for layer in model.layers if layer.weights]
        file.attrs["layer_names"] = np.array([layer.name for layer in layers], "S")
        file.attrs["backend"], file.attrs["keras_version"] = b"tensorflow", b"2"  # the layout's
        for layer in layers:
            group = file.create_group(layer.name)
            names = [f"{i}_{weight.name}" for i, weight in enumerate(layer.weights)]
            group.attrs["weight_names"] = np.array(names, "S")
            for name, weight in zip(names, layer.get_weights(), strict=True):
                if half and weight.size >= _LARGE:
                    group.create_dataset(name, data=weight.astype(np.float16), **_COMPRESSED)
                else:
                    group[name] = weight


def _write_description(file: h5py.File, description: Description) -> None:
    """The description as JSON; identities as datasets, as attributes hold at most 64 KiB."""
    file.attrs[_ATTRIBUTE] = json.dumps(describe(replace(description, identities=None)))
    for kind, part, ids in description.identities.items() if description.identities else ():
        name = f"{_IDENTITIES}/{kind}/{part}"
        file.create_dataset(name, data=ids, **_COMPRESSED if len(ids) else {})


def _read_description(path: Path, file: h5py.File) -> Description:
    description = read_description(path, file.attrs[_ATTRIBUTE])
    if _IDENTITIES not in file:
        return description
    kinds = file[_IDENTITIES].items()
    faces = [(kind, part, ids[()]) for kind, own in kinds for part, ids in own.items()]
    return replace(description, identities=Identities.of(faces))


def load_checkpoint(path: Path, original: Original = Original()) -> tuple[keras.Model, Description]:
    """The network of a checkpoint, with its weights, and its description.

    Raises `UserError` if the file is missing, damaged, not HDF5, or does not fit the network.
    """
    check_input_file(path, "a weight file")
    with wrap_read_errors(path, "a weight file, HDF5"), h5py.File(path) as file:
        layers = _read_layers(path, file)
        if _ATTRIBUTE in file.attrs:
            description = _read_description(path, file)
        else:
            description = _describe_original(path, layers, original, file.attrs.get("model_config"))
    values = [weight for weights in layers for weight in weights]
    if not all(np.isfinite(weight).all() for weight in values):
        raise UserError(f"{path}: expected finite weights, found NaN or infinity")
    try:
        model = build_model(description.architecture, description.crop.size, description.mirror)
    except (UserError, KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{path}: expected a network that version {__version__} of the toolkit knows, found "
            f"{description.architecture} for images of {description.crop.size} pixels"
        ) from error
    with wrap_read_errors(path, f"weights of {model.name}"):
        model.set_weights(values)
    return model, description


def stored_description(path: Path) -> Description | None:
    """The description in a checkpoint; None in other files, those of the original toolkit too."""
    if not (path.is_file() and h5py.is_hdf5(path)):
        return None
    with wrap_read_errors(path, "a weight file, HDF5"), h5py.File(path) as file:
        return _read_description(path, file) if _ATTRIBUTE in file.attrs else None


def _read_layers(path: Path, file: h5py.File) -> list[list[np.ndarray]]:
    """The weights of each layer that has any."""
    root = file.get("model_weights", file)
    if "layer_names" not in root.attrs:
        raise UserError(
            f"{path}: expected one group per layer, as in .hdf5 files of this toolkit and of "
            f"Keras 1 and 2; found {', '.join(list(root)[:5]) or 'nothing'}"
        )
    groups = [root[_text(name)] for name in root.attrs["layer_names"]]
    layers = [[own[_text(name)][()] for name in own.attrs["weight_names"]] for own in groups]
    return [weights for weights in layers if weights]


def _text(name: bytes | str) -> str:
    return name.decode() if isinstance(name, bytes) else name


def _describe_original(
    path: Path, layers: list[list[np.ndarray]], original: Original, model_config: bytes | str | None
) -> Description:
    """A description of a WideResNet without one, from the shapes of its weights.

    original: the expected network; its depth and width are ignored if there is a `model_config`,
        the network as saved by Keras, as JSON. Code in it is not run.
    """
    kernels = [own[0].shape for own in layers if len(own) == 1 and own[0].ndim == 4]
    shortcuts = sum(shape[:2] == (1, 1) for shape in kernels)
    depth = len(kernels) - shortcuts + 3  # 1 + 6n convolutions next to the shortcuts
    if depth < 10 or (depth - 4) % 6 or kernels[0][2:] != (3, 16):
        raise UserError(
            f"{path}: expected a checkpoint of this toolkit or a WideResNet of the original one, "
            f"found {len(layers)} layers with weights, {len(kernels)} of them convolutions"
        )
    width, size = kernels[1][3] // 16, original.img_size
    if model_config:
        inputs, first = json.loads(model_config)["config"]["layers"][:2]
        if not first["class_name"].startswith("Conv"):
            raise UserError(
                f"{path}: expected a network that begins with a convolution, found a layer "
                f"{first['class_name']}"
            )
        config = inputs["config"]  # of Keras 1 and 2, or 3
        size = (config.get("batch_input_shape") or config["batch_shape"])[1] or size
    elif (original.depth, original.width) != (depth, width):
        raise UserError(
            f"{path}: expected WideResNet-{original.depth}-{original.width}, found "
            f"WideResNet-{depth}-{width}; pass --depth {depth} --width {width}"
        )
    features = len(layers[-1][0])
    side = round((features / (64 * width)) ** 0.5)
    pool = "global" if side <= 1 else "8x8"
    size = size if pool == "global" else 4 * side
    if size is None:
        raise UserError(
            f"{path}: expected the size of its faces, which this file does not store; pass the "
            "--img_size that it was trained with"
        )
    architecture = {"name": "wide_resnet", "depth": depth, "width": width, "pool": pool}
    return Description(architecture | {"scale": 1.0}, FaceCrop(size))
