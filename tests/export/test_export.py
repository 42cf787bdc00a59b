"""src/export: files that predict as their checkpoint, or no file."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import onnx
import onnxruntime
import pytest

from src import __version__
from src.calibration.temperatures import scale
from src.errors import UserError
from src.estimation.estimator import Estimator
from src.estimation.runtimes import FOLDERS
from src.export import export as module
from src.export.arguments import Arguments, check_export
from src.export.faces import database_faces, portrait_faces
from src.export.graphs import save_onnx
from src.faces.crop import FaceCrop
from src.models import build_model
from src.models.checkpoints import load_checkpoint, save_checkpoint
from src.models.description import Description, Original
from src.models.heads import twin_heads
from tests.conftest import EXPORTS
from tests.helpers import names, write_database
from tests.models.reference import fill, made_faces

EXPORTED = tuple(EXPORTS.keys() - {"hdf5"})


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    """A network that is converted faster than the one of `exports`."""
    architecture = {"name": "small_cnn", "channels": 256}
    model = build_model(architecture, 32)
    fill(model)
    path = tmp_path_factory.mktemp("checkpoint") / "weights.hdf5"
    save_checkpoint(path, model, Description(architecture, FaceCrop(32, 0.15)))
    return path


@pytest.fixture(scope="module")
def database(tmp_path_factory) -> Path:
    return write_database(tmp_path_factory.mktemp("database") / "wiki.mat", img_size=32)


def export(weight_file: Path, format: str, output: Path, calibration=None, **flags):
    arguments = Arguments(weight_file=weight_file, format=format, output=output, **flags)
    check_export(arguments)
    return module.export(arguments, calibration)


@pytest.mark.parametrize("format", sorted(EXPORTED))
def test_description_is_enough_to_run(exports, format):
    path = exports[format]
    config = json.loads(path.with_name(f"{path.name}.json").read_text())
    assert (config["colour"], config["range"], config["crop"]["margin"]) == ("BGR", [0, 255], 0.15)
    assert config["input"] == {"name": "faces", "dtype": "float32", "shape": ["batch", 32, 32, 3]}
    assert [output["name"] for output in config["outputs"]] == ["pred_gender", "pred_age"]
    assert (config["genders"], config["ages"]) == (["female", "male"], [0, 100])
    assert (config["version"], config["precision"]) == (__version__, "float32")


def test_onnx_interface(exports):
    path = exports["onnx"]
    model = onnx.load(path)
    onnx.checker.check_model(model)
    description = json.loads(path.with_name(f"{path.name}.json").read_text())
    [stored] = model.metadata_props
    assert stored.key == "description"
    assert json.loads(stored.value) == description | {"identities": None}
    values = [*model.graph.input, *model.graph.output]
    for value, config in zip(values, [description["input"], *description["outputs"]], strict=True):
        tensor = value.type.tensor_type
        shape = [dim.dim_param or dim.dim_value for dim in tensor.shape.dim]
        assert (value.name, shape) == (config["name"], config["shape"])
        assert tensor.elem_type == onnx.TensorProto.FLOAT


def test_constants_are_not_inputs(tmp_path):
    """keras.applications' EfficientNets normalise by constants, which tf2onnx left open."""
    inputs = keras.Input((32, 32, 3))
    net = keras.layers.Normalization(mean=[90.0, 110.0, 130.0], variance=[70.0, 60.0, 50.0])(inputs)
    model = keras.Model(inputs, twin_heads(keras.layers.GlobalAveragePooling2D()(net)))
    faces = made_faces(3, 32).astype(np.float32)
    save_onnx(tmp_path / "m.onnx", model, "float32", faces)
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx")
    assert [value.name for value in session.get_inputs()] == ["faces"]
    outputs = session.run(None, {"faces": faces})
    for ours, theirs in zip(outputs, model.predict_on_batch(faces), strict=True):
        assert theirs.std() > 1e-3
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


WITH_PLAIN_KERAS = """
import sys
import keras
import numpy as np
model = keras.models.load_model(sys.argv[1], safe_mode=True)
genders, ages = model.predict(np.load(sys.argv[2]), verbose=0)
np.savez(sys.argv[3], genders=genders, ages=ages)
assert not [name for name in sys.modules if name == "src" or name.startswith("src.")]
"""


def test_plain_keras_opens_mirrored_files(checkpoint, tmp_path):
    path = tmp_path / "m.keras"
    export(checkpoint, "keras", path, mirror=True)
    faces = made_faces(3, 32)
    np.save(tmp_path / "faces.npy", faces)
    command = [sys.executable, "-c", WITH_PLAIN_KERAS, path, "faces.npy", "out.npz"]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=120)
    outputs = np.load(tmp_path / "out.npz")
    expected = Estimator(path)(faces)
    np.testing.assert_allclose(outputs["genders"][:, 0], expected.p_female, atol=1e-5)
    np.testing.assert_allclose(outputs["ages"], expected.age_distribution, atol=1e-5)
    turned = Estimator(path)(faces[:, :, ::-1])
    np.testing.assert_allclose(turned.age_distribution, expected.age_distribution, rtol=1e-4)


@pytest.mark.parametrize("format, name", [("onnx", "m.onnx"), ("litert", "m.tflite")])
def test_reduced_precision(checkpoint, database, tmp_path, format, name):
    output = tmp_path / name
    whole = export(checkpoint, format, output, input=database)
    half = export(checkpoint, format, output, fp16=True, input=database, force=True)
    assert half.size < 0.6 * whole.size
    assert whole.differences["age"][0] < half.differences["age"][0] < 0.05
    least = export(checkpoint, format, output, int8=True, input=database, force=True)
    assert least.size < 0.5 * whole.size
    assert half.differences["age"][0] < least.differences["age"][0] < 5
    ages = Estimator(output)(np.zeros((1, 32, 32, 3), np.uint8)).age_distribution
    assert ages.sum() == pytest.approx(1, abs=1e-4)  # as of a softmax in float32 only


@pytest.mark.parametrize("format, name", [("hdf5", "m.hdf5"), ("onnx", "m.onnx")])
def test_temperatures_divide_the_scores(checkpoint, database, tmp_path, format, name):
    calibration = {"gender_temperature": 2.0, "age_temperature": 0.5, "faces": 7}
    output = tmp_path / name
    export(checkpoint, format, output, calibration, input=database)
    assert Estimator(output).description.calibration == calibration
    faces = database_faces(database, FaceCrop(32)).image
    before, after = Estimator(checkpoint)(faces), Estimator(output)(faces)
    expected = scale(before, calibration)
    np.testing.assert_allclose(after.p_female, expected.p_female, atol=1e-5)
    np.testing.assert_allclose(after.age_distribution, expected.age_distribution, atol=1e-5)
    assert np.abs(after.age_distribution - before.age_distribution).max() > 1e-3


def test_old_age_slope_tilts_the_odds(tmp_path):
    network, files = {"name": "resnet18", "width": 1}, (tmp_path / "a.hdf5", tmp_path / "old.hdf5")
    model = build_model(network, 32)
    fill(model)
    save_checkpoint(files[0], model, Description(network, FaceCrop(32, 0.15)))
    export(files[0], "hdf5", files[1], old_age_slope=0.1)
    faces = made_faces(4, 32)
    plain, tilted = (Estimator(path)(faces).age_distribution for path in files)
    odds = tilted / plain  # of each age, up to a constant per face
    odds /= odds[:, :1]
    years = np.maximum(np.arange(101) - 65, 0)
    np.testing.assert_allclose(odds, np.tile(np.exp(0.1 * years), (4, 1)), rtol=1e-3)


def test_checked_faces_calibrate_nothing(tmp_path):
    path = write_database(tmp_path / "wiki.mat", 9, img_size=32)
    for faces, counts in (
        (database_faces(path, FaceCrop(32)), (5, 4)),
        (portrait_faces(FaceCrop(32)), (18, 0)),
    ):
        both = np.concatenate([faces.image, faces.calibration])
        assert (len(faces.image), len(faces.calibration)) == counts
        assert len(np.unique(both.reshape(len(both), -1), axis=0)) == sum(counts)


def spoiled(save, change):
    """A writer that changes the weights of the network first."""

    def write(path, model, precision, faces):
        model.set_weights(change(model.get_weights()))
        save(path, model, precision, faces)

    return write


def scaled_age(factor):
    return lambda weights: [*weights[:-1], weights[-1] * np.float32(factor)]


@pytest.mark.parametrize(
    "gender, age, precision, words",
    [
        ((0.5, 0.001), (0.001, 0.001), "int8", r"gender: at most 0\.5.*probability"),
        ((0.01, 0.01), (2.9, 2.9), "int8", r"age: .*99th percentile 2\.9.*5 and 2\.5"),
        ((0.0, 0.0), (0.06, 0.01), "fp16", "differs .* age: "),
        ((np.nan, np.nan), (0.0, 0.0), "float32", "differs .* gender: "),
    ],
)
def test_gate_limits_both_heads(gender, age, precision, words):
    """One bad face in a hundred is below the percentile, and above the largest difference."""
    found = module.Exported("faces", 1, {"gender": gender, "age": age})
    with pytest.raises(UserError, match=words):
        found.check(Path("m"), precision)


def test_replacing_needs_force(exports, checkpoint, database, tmp_path, monkeypatch):
    path = tmp_path / "m"
    shutil.copytree(exports["saved_model"], path)
    shutil.copy(f"{exports['saved_model']}.json", tmp_path)
    with pytest.raises(UserError, match=r"--output.*m exists"):
        export(checkpoint, "saved_model", path)
    old = path / "variables" / "variables.old"
    old.touch()
    with monkeypatch.context() as patch, pytest.raises(UserError, match="differs"):
        changed = spoiled(module.WRITERS["saved_model"], scaled_age(1.5))
        patch.setitem(module.WRITERS, "saved_model", changed)
        export(checkpoint, "saved_model", path, input=database, force=True)
    assert old.exists()  # as it was
    export(checkpoint, "saved_model", path, input=database, force=True)
    assert not old.exists()
    assert names(tmp_path) == {"m", "m.json"}


@pytest.mark.parametrize("format, name", [("onnx", "m.onnx"), ("hdf5", "m.h5"), ("openvino", "m")])
def test_force_spares_other_data(checkpoint, tmp_path, format, name):
    mine = tmp_path / name
    if format in FOLDERS:
        mine.mkdir()
        mine = mine / "me.jpg"
    mine.write_text("mine")
    with pytest.raises(UserError, match=f"--output: .*{name}"):
        export(checkpoint, format, tmp_path / name, force=True)
    assert mine.read_text() == "mine"


def test_original_file_becomes_checkpoint(original_weights, tmp_path):
    faces = write_database(tmp_path / "wiki.mat", 4, img_size=64)  # not the 18 of a portrait
    exported = export(original_weights, "hdf5", tmp_path / "m.hdf5", input=faces)
    assert exported.differences == {"gender": (0, 0), "age": (0, 0)}
    _, description = load_checkpoint(tmp_path / "m.hdf5", Original(10, 1))
    network = {"name": "wide_resnet", "depth": 16, "width": 8, "pool": "8x8", "scale": 1}
    assert description == Description(network, FaceCrop(64, 0.4))
