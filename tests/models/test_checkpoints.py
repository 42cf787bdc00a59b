"""src/models/checkpoints.py: round trips, older files, and files that do not fit."""

import json
import resource
import shutil
from dataclasses import replace
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from src.data.identities import Identities
from src.errors import UserError
from src.faces.crop import FaceCrop
from src.models import build_model
from src.models.checkpoints import load_checkpoint, save_checkpoint
from src.models.description import Description, Original
from tests.models.reference import fill, made_faces

ARCHITECTURE = {"name": "wide_resnet", "depth": 10, "width": 2}
DESCRIPTION = Description(
    ARCHITECTURE,
    crop=FaceCrop(32, 0.25, "five_points"),
    data=[{"db": "wiki", "rows": 7}],
    metrics={"val_loss": 3.5},
    training={"age_mean": 38.25, "male_share": 0.58},
    calibration={"gender_temperature": 1.2, "age_temperature": 0.9, "faces": 50},
    identities=Identities.of([("bytes", "training", np.arange(1000, dtype=np.uint64) ** 6)]),
)


@pytest.fixture(scope="module")
def model():
    model = build_model(ARCHITECTURE, 32)
    fill(model)
    return model


@pytest.fixture(scope="module")
def saved(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("checkpoint") / "weights.01-3.50.hdf5"
    save_checkpoint(path, model, DESCRIPTION)
    return path


@pytest.fixture
def copy(saved, tmp_path):
    """A checkpoint to damage."""
    return Path(shutil.copy(saved, tmp_path))


def write_keras_2(path: Path, model: keras.Model, group: str = "/") -> None:
    """Weights as Keras 2 wrote them: names as bytes, one group per layer, also without weights."""
    with h5py.File(path, "w") as file:
        root = file.require_group(group)
        root.attrs["layer_names"] = [layer.name.encode() for layer in model.layers]
        root.attrs["backend"], root.attrs["keras_version"] = b"tensorflow", b"2.1.5"
        for layer in model.layers:
            names = [f"{layer.name}/{weight.name}:0" for weight in layer.weights]
            stored = root.create_group(layer.name)
            stored.attrs["weight_names"] = [name.encode() for name in names]
            for name, weight in zip(names, layer.get_weights(), strict=True):
                stored[name] = weight


def assert_same_weights(model: keras.Model, other: keras.Model) -> None:
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_round_trip(model, saved):
    loaded, description = load_checkpoint(saved, Original(28, 10))
    assert_same_weights(model, loaded)
    assert description == DESCRIPTION


def test_descriptions_of_older_versions(copy):
    with h5py.File(copy, "a") as file:
        stored = json.loads(file.attrs["description"])
        del stored["training"], stored["calibration"], file["identities"]
        file.attrs["description"], file.attrs["sha256"] = json.dumps(stored), "0"
    _, description = load_checkpoint(copy)
    assert description == replace(DESCRIPTION, training=None, calibration=None, identities=None)


def test_half_precision_weights_load_as_float32(model, saved, tmp_path):
    path = tmp_path / "weights.hdf5"
    save_checkpoint(path, model, DESCRIPTION, half=True)
    assert path.stat().st_size < 0.6 * saved.stat().st_size
    loaded, _ = load_checkpoint(path)
    for whole, half in zip(model.weights, loaded.weights, strict=True):
        assert half.dtype == "float32"
        values = np.asarray(whole)
        stored = values.astype(np.float16) if values.size >= 4096 else values
        np.testing.assert_array_equal(half, stored)


def test_keras_reads_a_checkpoint(model, saved):
    other = build_model(ARCHITECTURE, 32)
    other.load_weights(saved)
    assert_same_weights(model, other)


def test_full_disk_leaves_no_checkpoint(model, tmp_path):
    path = tmp_path / "weights.hdf5"
    path.write_text("what was there")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(UserError, match="could not be written: File too large"):
            save_checkpoint(path, model, DESCRIPTION)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_text() == "what was there"
    assert list(tmp_path.iterdir()) == [path]


def test_original_file_is_recognized(original_weights):
    model, description = load_checkpoint(original_weights, Original(10, 1))
    expected = {"name": "wide_resnet", "depth": 16, "width": 8, "pool": "8x8", "scale": 1}
    assert description == Description(expected, FaceCrop(64))
    other = build_model(expected, 64)
    other.load_weights(original_weights)
    assert_same_weights(model, other)


@pytest.mark.parametrize(
    "depth, width, pool, img_size", [(10, 1, "8x8", 48), (10, 3, "global", 32)]
)
def test_plain_weights_need_depth_and_width(tmp_path, depth, width, pool, img_size):
    original = {"name": "wide_resnet", "pool": pool, "scale": 1}
    model = build_model({**original, "depth": depth, "width": width}, img_size)
    fill(model)
    write_keras_2(tmp_path / "w.hdf5", model)
    given = img_size if pool == "global" else None
    loaded, description = load_checkpoint(tmp_path / "w.hdf5", Original(depth, width, given))
    assert_same_weights(model, loaded)
    assert description.architecture == {**original, "depth": depth, "width": width}
    assert description.crop.size == img_size


def test_wrong_depth_names_the_right_one(model, tmp_path):
    write_keras_2(tmp_path / "w.hdf5", model)
    with pytest.raises(UserError, match=r"WideResNet-16-2.*--depth 10 --width 2"):
        load_checkpoint(tmp_path / "w.hdf5", Original(16, 2))


def test_mirror_is_of_the_description(model, tmp_path):
    save_checkpoint(tmp_path / "w.hdf5", model, replace(DESCRIPTION, mirror=True))
    loaded, description = load_checkpoint(tmp_path / "w.hdf5")
    assert description.architecture == ARCHITECTURE
    images = made_faces(3, 32)
    sides = [model(images), model(images[:, :, ::-1].copy())]
    for output, one, other in zip(loaded(images), *sides, strict=True):
        mean = np.sqrt(np.asarray(one) * np.asarray(other))  # of the scores, up to a factor
        np.testing.assert_allclose(output, mean / mean.sum(axis=1, keepdims=True), atol=1e-5)


def test_stored_code_is_not_run(model, tmp_path):
    """A network that changes pixels before its first convolution is rejected."""
    path = tmp_path / "w.hdf5"
    write_keras_2(path, model, "model_weights")
    evil = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Lambda(lambda x: 1 / 0)])
    with h5py.File(path, "a") as file:
        functional = {"config": {"layers": evil.get_config()["layers"]}}
        file.attrs["model_config"] = json.dumps(functional)
    rejected(path, "begins with a convolution", "Lambda")


def rejected(path: Path, *words: str) -> None:
    with pytest.raises(UserError) as raised:
        load_checkpoint(path)
    message = str(raised.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    for word in words:
        assert word in message


def test_missing_file(tmp_path):
    rejected(tmp_path / "w.hdf5", "expected a weight file, found none")


@pytest.mark.parametrize("share", [0, 0.1, 0.99])
def test_truncated_file(copy, share):
    content = copy.read_bytes()
    copy.write_bytes(content[: int(share * len(content))])
    rejected(copy, "expected a weight file, HDF5")


@pytest.mark.parametrize("name", ["x.keras", "x.weights.h5"])
def test_other_files_of_keras(model, tmp_path, name):
    save = model.save_weights if "weights" in name else model.save
    save(tmp_path / name)
    rejected(tmp_path / name, "expected ")


@pytest.mark.parametrize(
    "layers",
    [
        [keras.layers.Flatten(), keras.layers.Dense(3)],
        [keras.layers.Conv2D(16, 3, padding="same", use_bias=False) for _ in range(8)],  # WRN-11?
    ],
    ids=["dense", "convolutions"],
)
def test_another_architecture(tmp_path, layers):
    path = tmp_path / "w.h5"
    keras.Sequential([keras.Input((8, 8, 3)), *layers]).save(path)
    found = sum(bool(layer.weights) for layer in layers)
    rejected(path, "expected a checkpoint", f"found {found} layers")


@pytest.mark.parametrize(
    "stored, words",
    [
        ({"genders": ["male", "female"]}, ["genders ['female', 'male']", "['male', 'female']"]),
        ({"ages": [0, 116]}, ["ages [0, 100]", "[0, 116]"]),
        ({"colour": "RGB", "version": "9.1"}, ["colour BGR", "RGB", "9.1"]),
        ({"architecture": {"name": "ir_se"}}, ["expected a network", "ir_se"]),
        ({"architecture": {**ARCHITECTURE, "colour": 3}}, ["expected a network", "colour"]),
        ({"architecture": {**ARCHITECTURE, "width": 1}}, ["weights of wide_resnet"]),
    ],
)
def test_invalid_descriptions_are_rejected(copy, stored, words):
    with h5py.File(copy, "a") as file:
        file.attrs["description"] = json.dumps(json.loads(file.attrs["description"]) | stored)
    rejected(copy, *words)


def test_unknown_size_requires_img_size(tmp_path):
    """With a global pool, weights have the same shapes for any size of faces."""
    model = build_model({**ARCHITECTURE, "pool": "global", "scale": 1}, 32)
    write_keras_2(tmp_path / "w.hdf5", model)
    with pytest.raises(UserError, match="--img_size"):
        load_checkpoint(tmp_path / "w.hdf5", Original(10, 2))


def test_size_of_the_stored_network(tmp_path):
    model = build_model({**ARCHITECTURE, "pool": "global", "scale": 1}, 32)
    write_keras_2(tmp_path / "w.hdf5", model, "model_weights")
    inputs = {"class_name": "InputLayer", "config": {"batch_input_shape": [None, 48, 48, 3]}}
    layers = [inputs, {"class_name": "Conv2D", "config": {}}]
    with h5py.File(tmp_path / "w.hdf5", "a") as file:
        file.attrs["model_config"] = json.dumps({"config": {"layers": layers}})
    assert load_checkpoint(tmp_path / "w.hdf5")[1].crop.size == 48


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite(copy, value):
    with h5py.File(copy, "a") as file:
        layer = file["pred_age"]
        layer[layer.attrs["weight_names"][0]][3, 5] = value
    rejected(copy, "finite")


@pytest.mark.parametrize(
    "architecture",
    [
        {"name": "resnet18", "width": 1, "use_se": True, "dropout": 0.2},
        {"name": "MobileNetV3Small", "dropout": 0.2},
    ],
)
def test_checkpoints_of_every_network(tmp_path, architecture):
    model = build_model(architecture, 32)
    fill(model)
    save_checkpoint(tmp_path / "w.hdf5", model, Description(architecture, FaceCrop(32)))
    loaded, description = load_checkpoint(tmp_path / "w.hdf5")
    assert description.architecture == architecture
    assert_same_weights(model, loaded)
