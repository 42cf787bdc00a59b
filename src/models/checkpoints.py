"""Checkpoints: weights with a description of their network.

A checkpoint is an HDF5 file with one group per layer, as in Keras 1 and 2; Keras 3 reads it too.
Its attribute `description` is JSON; files of the original toolkit have none and are recognised by
their shapes. Weights are always read by topology and checked shape by shape before memory is
allocated for them. No code in a file is run. The attribute `sha256`, which older files lack, shows
that neither the description nor a weight was damaged.
"""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

import h5py
import keras
import numpy as np

from .. import __version__
from ..errors import UserError
from ..faces.crop import FaceCrop
from ..files import check_input_file, replacing_hdf5, wrap_read_errors
from . import build_model
from .description import MAX_IMG_SIZE, Description, Original, describe, read_description

_ATTRIBUTE, _CHECKSUM = "description", "sha256"
# Number of values. Smaller weights, such as normalisations and the first kernel, stay float32: in
# float16 they would change ages by 0.07 years instead of 0.01, and save little space.
_LARGE = 4096
Shapes = list[tuple[str, list[tuple[int, ...]]]]  # layers that have weights, and their shapes


def save_checkpoint(
    path: Path, model: keras.Model, description: Description, half: bool = False
) -> None:
    """Write the model's weights and their description to `path`, atomically.

    half: store large weights as float16; the loaded network computes in float32.
    """
    with replacing_hdf5(path) as file:
        text = file.attrs[_ATTRIBUTE] = json.dumps(describe(description))
        layers = [layer for layer in model.layers if layer.weights]
        file.attrs["layer_names"] = np.array([layer.name for layer in layers], "S")
        file.attrs["backend"], file.attrs["keras_version"] = b"tensorflow", b"2"  # the layout's
        stored = []
        for layer in layers:
            group = file.create_group(layer.name)
            names = [f"{i}_{weight.name}" for i, weight in enumerate(layer.weights)]
            group.attrs["weight_names"] = np.array(names, "S")
            for name, weight in zip(names, layer.get_weights(), strict=True):
                is_large = weight.size >= _LARGE
                stored.append(weight.astype(np.float16) if half and is_large else weight)
                group[name] = stored[-1]
        file.attrs[_CHECKSUM] = _checksum(text, stored)


def load_checkpoint(path: Path, original: Original = Original()) -> tuple[keras.Model, Description]:
    """The network of a checkpoint, with its weights, and its description.

    Raises `UserError` if the file is missing, damaged, not HDF5, or does not fit the network.
    """
    check_input_file(path, "a weight file")
    with wrap_read_errors(path, "a weight file, HDF5"), h5py.File(path) as file:
        layers = _layers(path, file)
        shapes = [(name, [w.shape for w in weights]) for name, weights in layers]
        if _ATTRIBUTE in file.attrs:
            description = read_description(path, file.attrs[_ATTRIBUTE])
        else:
            described = _text(file.attrs["model_config"]) if "model_config" in file.attrs else None
            if described:
                original = Original(0, 0, _input_size(described) or original.img_size)
            description = _describe_original(path, shapes, original)
        model = _build(path, description, shapes)
        values = [_values(path, weight) for _, weights in layers for weight in weights]
        _check_undamaged(path, file, values)
        model.set_weights(values)
    return model, description


def _check_undamaged(path: Path, file: h5py.File, weights: list[np.ndarray]) -> None:
    """Raise `UserError` if the file stores another checksum than that of its content."""
    if _CHECKSUM not in file.attrs:
        return
    expected = _text(file.attrs[_CHECKSUM])
    found = _checksum(_text(file.attrs[_ATTRIBUTE]), weights)
    if found != expected:
        raise UserError(
            f"{path}: expected weights and a description with SHA-256 {expected}, found {found}; "
            "the file was damaged or edited, copy it again"
        )


def _checksum(description: str, weights: Iterable[np.ndarray]) -> str:
    digest = hashlib.sha256(description.encode())
    for weight in weights:
        digest.update(np.ascontiguousarray(weight))
    return digest.hexdigest()


def stored_description(path: Path) -> Description | None:
    """The description in a checkpoint; None in other files, those of the original toolkit too."""
    if not (path.is_file() and h5py.is_hdf5(path)):
        return None
    with h5py.File(path) as file:
        text = file.attrs.get(_ATTRIBUTE)
    return None if text is None else read_description(path, text)


def _build(path: Path, description: Description, shapes: Shapes) -> keras.Model:
    """The network of a description, checked against the shapes in the file."""
    depth = description.architecture.get("depth", 0)
    if depth > len(shapes) + 4:  # deeper networks take minutes to build
        raise UserError(f"{path}: expected weights of {depth} layers, found {len(shapes)}")
    try:
        with keras.StatelessScope(initialize_variables=False):  # no memory is allocated yet
            model = build_model(description.architecture, description.crop.size)
        _check_shapes(path, model, shapes)
    except (UserError, KeyError, TypeError, ValueError, OverflowError) as error:
        keras.utils.clear_session()  # forgets the variables, so that none is allocated later
        if isinstance(error, UserError) and str(error).startswith(str(path)):
            raise
        raise UserError(
            f"{path}: expected a network that version {__version__} of the toolkit knows, found "
            f"{description.architecture} for pictures of {description.crop.size!r} pixels"
        ) from error
    with keras.StatelessScope():  # allocates the variables when it ends
        pass
    return model


def _layers(path: Path, file: h5py.File) -> list[tuple[str, list[h5py.Dataset]]]:
    """Layers that have weights, in the file's order, with their weights."""
    root = file.get("model_weights", file)
    if "layer_names" not in root.attrs:
        raise UserError(
            f"{path}: expected one group per layer, as in .hdf5 files of this toolkit and of "
            f"Keras 1 and 2; found {', '.join(list(root)[:5]) or 'nothing'}"
        )
    layers = []
    for name in map(_text, root.attrs["layer_names"]):
        group = _member(root, name)
        weights = [_member(group, _text(weight)) for weight in group.attrs["weight_names"]]
        if weights:
            layers.append((name, weights))
    return layers


def _member(group: h5py.Group, name: str) -> h5py.Group | h5py.Dataset:
    """A member of a group that is stored in the same file."""
    for part in name.split("/"):
        if not isinstance(group.get(part, getlink=True), h5py.HardLink):
            raise KeyError(f"{name} is not stored in the file")
        group = group[part]
    return group


def _values(path: Path, weight: h5py.Dataset) -> np.ndarray:
    """A weight's values, which must be finite and stored in the file itself."""
    if weight.external or weight.is_virtual or weight.dtype.kind != "f":
        raise UserError(f"{path}: expected floats stored in the file, found none in {weight.name}")
    values = weight[()]
    if not np.isfinite(values).all():
        raise UserError(f"{path}: expected finite weights, found NaN or infinity in {weight.name}")
    return values


def _input_size(model_config: str) -> int | None:
    """The side of the faces, in pixels, in a network's configuration; None if it has none.

    Only the JSON of the input layer is read; code in it is not run.
    """
    layers = json.loads(model_config)["config"]
    layers = layers["layers"] if isinstance(layers, dict) else layers
    config = layers[0]["config"]
    shape = config.get("batch_input_shape") or config.get("batch_shape") or ()
    return shape[1] if shape[1:] in [[s, s, 3] for s in range(1, MAX_IMG_SIZE + 1)] else None


def _text(name: bytes | str) -> str:
    return name.decode() if isinstance(name, bytes) else name


def _describe_original(path: Path, shapes: Shapes, original: Original) -> Description:
    """A description of a file of the original toolkit, from the shapes of its weights.

    original: the expected network; a depth of 0 stands for any depth and width.
    """
    convolutions = [s[0] for _, s in shapes if len(s) == 1 and len(s[0]) == 4]
    shortcuts = sum(shape[:2] == (1, 1) for shape in convolutions)
    depth = len(convolutions) - shortcuts + 3  # 1 + 6n convolutions next to the shortcuts
    if depth < 10 or (depth - 4) % 6 or convolutions[0][2:] != (3, 16):
        first = ", ".join(f"{name} {s}" for name, s in shapes[:3])
        raise UserError(
            f"{path}: expected a checkpoint of this toolkit or a WideResNet of the original one, "
            f"found {len(shapes)} layers: {first}, ..."
        )
    width = convolutions[1][3] // 16
    if original.depth and (original.depth, original.width) != (depth, width):
        raise UserError(
            f"{path}: expected WideResNet-{original.depth}-{original.width}, found "
            f"WideResNet-{depth}-{width}; pass --depth {depth} --width {width}"
        )
    features = shapes[-1][1][0][0]
    side = round((features / (64 * width)) ** 0.5) if width else 0
    is_global = side <= 1
    if is_global and original.img_size is None:
        raise UserError(
            f"{path}: expected the size of its faces, which this file does not store; pass the "
            "--img_size that it was trained with"
        )
    architecture = {
        "name": "wide_resnet",
        "depth": depth,
        "width": width,
        "pool": "global" if is_global else "8x8",
        "scale": 1,
    }
    return Description(architecture, FaceCrop(original.img_size if is_global else 4 * side))


def _check_shapes(path: Path, model: keras.Model, shapes: Shapes) -> None:
    """Raise `UserError` at the first layer of the file that does not fit the network."""
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
