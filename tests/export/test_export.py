"""src/export: files that predict as their checkpoint, or no file."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

from src import __version__
from src.errors import UserError
from src.estimation.estimator import Estimator
from src.export import export as module
from src.export.export import export
from src.faces.crop import FaceCrop
from src.models import build_model
from src.models.checkpoints import load_checkpoint, save_checkpoint
from src.models.description import Description, Original
from tests.helpers import mounted, names, write_database
from tests.models.reference import fill

EXPORTED = ("onnx", "litert", "saved_model")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    """Of a network that is converted faster than that of `exports`."""
    architecture = {"name": "small_cnn", "channels": 256}
    model = build_model(architecture, 32)
    fill(model)
    path = tmp_path_factory.mktemp("checkpoint") / "weights.hdf5"
    save_checkpoint(path, model, Description(architecture, FaceCrop(32, 0.15)))
    return path


@pytest.fixture(scope="module")
def database(tmp_path_factory) -> Path:
    return write_database(tmp_path_factory.mktemp("database") / "wiki.mat", img_size=32)


def test_output_and_description_only(exports):
    files = {path.name for path in exports.values()}
    descriptions = {f"{exports[format].name}.json" for format in EXPORTED}
    assert names(exports["onnx"].parent) == files | descriptions


@pytest.mark.parametrize("format", EXPORTED)
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
    assert {p.key: json.loads(p.value) for p in model.metadata_props} == {
        "description": description
    }
    values = [*model.graph.input, *model.graph.output]
    for value, config in zip(values, [description["input"], *description["outputs"]], strict=True):
        tensor = value.type.tensor_type
        shape = [dim.dim_param or dim.dim_value for dim in tensor.shape.dim]
        assert (value.name, shape) == (config["name"], config["shape"])
        assert tensor.elem_type == onnx.TensorProto.FLOAT


@pytest.mark.parametrize("format, name", [("onnx", "m.onnx"), ("litert", "m.tflite")])
def test_reduced_precision(checkpoint, database, tmp_path, format, name):
    output = tmp_path / name
    whole = export(checkpoint, format, output, input=database)
    half = export(checkpoint, format, output, "fp16", input=database, force=True)
    assert half.size < 0.6 * whole.size
    assert whole.difference < half.difference < 1e-2
    least = export(checkpoint, format, output, "int8", input=database, force=True)
    assert least.size < 0.5 * whole.size
    assert least.mae[0] == whole.mae[0]
    assert 0 < abs(least.mae[1] - least.mae[0]) < 0.3
    ages = Estimator(output)(np.zeros((1, 32, 32, 3), np.uint8)).age_distribution
    assert ages.sum() == pytest.approx(1, abs=1e-4)  # as of a softmax in float32 only


def test_half_precision_checkpoint(checkpoint, database, tmp_path):
    output = tmp_path / "half.hdf5"
    half = export(checkpoint, "hdf5", output, "fp16", input=database)
    assert half.size == output.stat().st_size < 0.6 * checkpoint.stat().st_size
    assert 0 < half.years < 0.05
    assert Estimator(output).description == Estimator(checkpoint).description


def test_changed_ages_are_rejected(checkpoint, database, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "YEARS_LIMIT", 0)
    with pytest.raises(UserError, match=r"half\.hdf5.*0 years"):
        export(checkpoint, "hdf5", tmp_path / "half.hdf5", "fp16", input=database)
    assert names(tmp_path) == set()


@pytest.mark.parametrize("format, name", [("hdf5", "m.hdf5"), ("onnx", "m.onnx")])
def test_temperatures_divide_the_scores(checkpoint, database, tmp_path, format, name):
    calibration = {"gender_temperature": 2.0, "age_temperature": 0.5, "faces": 7}
    output = tmp_path / name
    exported = export(checkpoint, format, output, input=database, calibration=calibration)
    assert exported.difference < 1e-5  # from what numpy makes of the checkpoint's probabilities
    assert Estimator(output).description.calibration == calibration
    faces = module.database_faces(database, FaceCrop(32)).image
    before, after = Estimator(checkpoint)(faces), Estimator(output)(faces)
    female, male = before.p_female, 1 - before.p_female
    expected = np.sqrt(female) / (np.sqrt(female) + np.sqrt(male))
    np.testing.assert_allclose(after.p_female, expected, atol=1e-5)
    squares = before.age_distribution**2
    expected = squares / squares.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(after.age_distribution, expected, atol=1e-5)
    assert np.abs(after.age_distribution - before.age_distribution).max() > 1e-3


@pytest.mark.parametrize("format, name", [("hdf5", "m.hdf5"), ("onnx", "m.onnx")])
def test_mirror_averages_scores(checkpoint, tmp_path, format, name):
    export(checkpoint, format, tmp_path / name, mirror=True)
    faces = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
    turned = np.ascontiguousarray(faces[:, :, ::-1])
    one, once = Estimator(tmp_path / name), Estimator(checkpoint)
    np.testing.assert_allclose(one(faces).age, one(turned).age, rtol=1e-5)
    scores = [np.log(once(some).age_distribution) for some in (faces, turned)]
    powers = np.exp(np.mean(scores, axis=0))
    expected = powers / powers.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(one(faces).age_distribution, expected, atol=1e-6)
    odds = [s.p_female / (1 - s.p_female) for s in map(once, (faces, turned))]
    mean = np.sqrt(odds[0] * odds[1])
    np.testing.assert_allclose(one(faces).p_female, mean / (1 + mean), atol=1e-6)


def test_mirror_has_no_legacy_format(exports, tmp_path):
    with pytest.raises(UserError, match="--mirror"):
        export(exports["hdf5"], "legacy", tmp_path / "m.hdf5", mirror=True)
    assert names(tmp_path) == set()


def test_margin_is_stored(checkpoint, tmp_path):
    export(checkpoint, "hdf5", tmp_path / "m.hdf5", margin=0.3)
    assert Estimator(checkpoint).crop.margin == 0.15
    assert Estimator(tmp_path / "m.hdf5").crop.margin == 0.3
    assert json.loads((tmp_path / "m.hdf5.json").read_text())["crop"]["margin"] == 0.3


def test_mae_is_distance_to_labels(checkpoint, tmp_path):
    database = write_database(tmp_path / "wiki.mat", 8, img_size=32)
    exported = export(checkpoint, "hdf5", tmp_path / "m.hdf5", input=database)
    faces = module.database_faces(database, FaceCrop(32))
    assert sorted(faces.age_low) == [20] * 4 + [60] * 4
    errors = np.abs(Estimator(checkpoint)(faces.image).age - faces.age_low)
    assert exported.mae == pytest.approx((errors.mean(), errors.mean()))


def spoiled(save, factor: float):
    """A writer that multiplies the last kernel of the network first."""

    def write(path, model, config, faces):
        *weights, last = model.get_weights()
        model.set_weights([*weights, last * np.float32(factor)])
        save(path, model, config, faces)

    return write


@pytest.mark.parametrize(
    "format, name, factor, precision, words",
    [
        ("onnx", "m.onnx", 1.5, "float32", r"m\.onnx.*0\.001.*0\."),
        ("saved_model", "m", np.nan, "float32", r"/m:.*finite.*\(1, 101\)"),
        ("onnx", "m.onnx", 3, "fp16", r"m\.onnx.*0\.01 "),
        ("onnx", "m.onnx", 3, "int8", r"m\.onnx.*0\.3 years"),
    ],
)
def test_different_predictions_are_rejected(
    checkpoint, database, tmp_path, monkeypatch, format, name, factor, precision, words
):
    monkeypatch.setitem(module.GRAPHS, format, spoiled(module.GRAPHS[format], factor))
    with pytest.raises(UserError, match=words):
        export(checkpoint, format, tmp_path / name, precision, input=database)
    assert names(tmp_path) == set()


def test_replacing_needs_force(exports, checkpoint, database, tmp_path, monkeypatch):
    path = tmp_path / "m"
    shutil.copytree(exports["saved_model"], path)
    with pytest.raises(UserError, match=r"--output.*m exists"):
        export(checkpoint, "saved_model", path)
    old = path / "variables" / "variables.old"
    old.touch()
    with monkeypatch.context() as patch, pytest.raises(UserError, match="differ"):
        patch.setitem(module.GRAPHS, "saved_model", spoiled(module.GRAPHS["saved_model"], 1.5))
        export(checkpoint, "saved_model", path, input=database, force=True)
    assert old.exists()  # as it was
    export(checkpoint, "saved_model", path, input=database, force=True)
    assert not old.exists()
    assert names(tmp_path) == {"m", "m.json"}


def test_stale_partial_folder_is_replaced(checkpoint, database, tmp_path):
    stale = tmp_path / ".m.partial"
    stale.mkdir()
    (stale / "half.pb").write_text("half")
    export(checkpoint, "saved_model", tmp_path / "m", input=database)
    assert names(tmp_path) == {"m", "m.json"}
    assert not (tmp_path / "m" / "half.pb").exists()


def test_full_disk_leaves_nothing(checkpoint, database, tmp_path):
    with mounted(tmp_path / "disk", "size=100k") as disk:
        with pytest.raises(UserError, match="No space"):
            export(checkpoint, "saved_model", disk / "m", input=database)
        assert names(disk) == set()


def test_ctrl_c_leaves_nothing(checkpoint, database, tmp_path, monkeypatch):
    def interrupted(path, model, config, faces):
        path.mkdir()
        (path / "part").touch()
        raise KeyboardInterrupt

    monkeypatch.setitem(module.GRAPHS, "saved_model", interrupted)
    with pytest.raises(KeyboardInterrupt):
        export(checkpoint, "saved_model", tmp_path / "m", input=database)
    assert names(tmp_path) == set()


def test_other_folders_are_spared(checkpoint, tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "me.jpg").touch()
    for format in ("saved_model", "hdf5"):
        with pytest.raises(UserError, match=r"--output: .*photos"):
            export(checkpoint, format, photos, force=True)
    assert names(photos) == {"me.jpg"}


def test_force_spares_the_weight_file(checkpoint):
    before = checkpoint.read_bytes()
    with pytest.raises(UserError, match=f"--output: .*{checkpoint}.*--weight_file"):
        export(checkpoint, "hdf5", checkpoint, force=True)
    assert checkpoint.read_bytes() == before


@pytest.mark.parametrize(
    "format, name", [("hdf5", "m.h5"), ("onnx", "m.onnx"), ("litert", "m.tflite")]
)
def test_force_spares_other_files(checkpoint, tmp_path, format, name):
    (tmp_path / name).write_text("mine")
    with pytest.raises(UserError, match=f"--output: .*{name}"):
        export(checkpoint, format, tmp_path / name, force=True)
    assert (tmp_path / name).read_text() == "mine"


@pytest.mark.parametrize(
    "format, name, options, words",
    [
        ("onnx", "m.hdf5", {}, r"--output.*m\.hdf5"),
        ("hdf5", "m.onnx", {}, r"--output.*m\.onnx"),
        ("onnx", "none/m.onnx", {}, "none"),
        (
            "saved_model",
            "m",
            {"precision": "fp16"},
            "--fp16.*saved_model",
        ),
        ("legacy", "m.hdf5", {"precision": "int8"}, "--int8.*legacy"),
        ("onnx", "m.onnx", {"precision": "int8"}, "--int8.*--input"),
    ],
)
def test_impossible_combinations(checkpoint, tmp_path, format, name, options, words):
    with pytest.raises(UserError, match=words):
        export(checkpoint, format, tmp_path / name, **options)
    assert names(tmp_path) == set()


@pytest.mark.parametrize(
    "made, words",
    [
        ({"img_size": 16}, "--input.*32.*16"),
        ({"img_size": 32, "age": np.full(32, np.nan)}, "--input.*age"),
    ],
)
def test_unfit_databases(checkpoint, tmp_path, made, words):
    database = write_database(tmp_path / "wiki.mat", **made)
    with pytest.raises(UserError, match=words):
        export(checkpoint, "onnx", tmp_path / "m.onnx", "int8", input=database)
    assert names(tmp_path) == {"wiki.mat"}


def test_missing_converter(checkpoint, database, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    with pytest.raises(UserError, match="pip install tf2onnx"):
        export(checkpoint, "onnx", tmp_path / "m.onnx", input=database)
    assert names(tmp_path) == set()


def test_original_file_becomes_checkpoint(original_weights, tmp_path):
    faces = write_database(tmp_path / "wiki.mat", 2, img_size=64)  # not the 18 of a portrait
    exported = export(original_weights, "hdf5", tmp_path / "m.hdf5", input=faces)
    assert exported.difference < 1e-6
    _, description = load_checkpoint(tmp_path / "m.hdf5", Original(10, 1))
    network = {"name": "wide_resnet", "depth": 16, "width": 8, "pool": "8x8", "scale": 1}
    assert description == Description(network, FaceCrop(64, 0.4))


def test_portrait_faces_differ():
    faces = module.portrait_faces(FaceCrop(64))
    assert faces.image.shape == (18, 64, 64, 3)
    assert len(np.unique(faces.image.reshape(18, -1), axis=0)) == 18
    np.testing.assert_array_equal(faces.image[9:], faces.image[:9, :, ::-1])
