"""src/estimation/runtimes.py: exported files predict as their checkpoint does, without Keras."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

from src import cli
from src.errors import UserError
from src.estimation.estimator import Estimates, Estimator
from src.estimation.runtimes import RUNTIMES
from src.faces.crop import FaceCrop
from tests.helpers import ROOT
from tests.models.reference import made_faces

EXPORTED = ("onnx", "litert", "saved_model")
WITHOUT_KERAS = """
import sys
import numpy as np
sys.modules.update(tensorflow=None, keras=None)  # importing them fails
from src.estimation.estimator import Estimator
from pathlib import Path
faces = np.load(sys.argv[2])
print(*Estimator(Path(sys.argv[1]))(faces).age)
"""


@pytest.fixture(scope="module")
def faces() -> np.ndarray:
    return made_faces(37, 32)  # more than one batch


@pytest.fixture(scope="module")
def said(exports, faces) -> Estimates:
    return Estimator(exports["hdf5"])(faces)


@pytest.mark.parametrize("runtime", EXPORTED)
def test_every_runtime_says_what_the_checkpoint_says(exports, faces, said, runtime):
    estimator, checkpoint = Estimator(exports[runtime]), Estimator(exports["hdf5"])
    assert estimator.description == checkpoint.description
    assert estimator.crop == FaceCrop(32, 0.15)
    other = estimator(faces)
    np.testing.assert_allclose(other.age, said.age, atol=1e-3)
    np.testing.assert_allclose(other.p_female, said.p_female, atol=1e-5)
    np.testing.assert_allclose(other.age_distribution, said.age_distribution, atol=1e-5)


@pytest.mark.parametrize("runtime", EXPORTED)
def test_any_number_of_faces(exports, faces, said, runtime):
    estimator = Estimator(exports[runtime])
    for count in (5, 1, 0, 7):
        np.testing.assert_allclose(estimator(faces[:count]).age, said.age[:count], atol=1e-3)


@pytest.mark.parametrize("runtime", ["onnx", "litert"])
def test_neither_tensorflow_nor_keras_is_needed(exports, faces, said, tmp_path, runtime):
    np.save(tmp_path / "faces.npy", faces)
    command = [sys.executable, "-c", WITHOUT_KERAS, exports[runtime], tmp_path / "faces.npy"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    np.testing.assert_allclose([float(age) for age in done.stdout.split()], said.age, atol=1e-3)


def test_a_runtime_named_goes_before_the_files_name(exports, faces, said, tmp_path):
    path = Path(shutil.copy(exports["onnx"], tmp_path / "model.bin"))
    np.testing.assert_allclose(Estimator(path, runtime="onnx")(faces).age, said.age, atol=1e-3)
    with pytest.raises(UserError, match="expected a weight file, HDF5"):
        Estimator(path)


@pytest.mark.parametrize(
    "runtime, module, package",
    [
        ("onnx", "onnxruntime", "onnxruntime"),
        ("litert", "ai_edge_litert.interpreter", "ai-edge-litert"),
        ("saved_model", "tensorflow", "tensorflow"),
        ("hdf5", "keras", "tensorflow keras"),
    ],
)
def test_a_library_that_is_missing_is_named(exports, monkeypatch, runtime, module, package):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UserError, match=f"pip install {package} "):
        Estimator(exports[runtime])


def refused(path: Path, words: str) -> None:
    with pytest.raises(UserError) as raised:
        Estimator(path)
    message = str(raised.value)
    assert message.startswith(f"{path}: ")
    assert words in message


@pytest.mark.parametrize("name", ["m.onnx", "m.tflite"])
@pytest.mark.parametrize("share", [0, 0.5])
def test_a_file_cut_short(exports, tmp_path, name, share):
    (whole,) = (path for path in exports.values() if path.name == name)
    content = whole.read_bytes()
    (tmp_path / name).write_bytes(content[: int(share * len(content))])
    refused(tmp_path / name, "could not be loaded")


@pytest.mark.parametrize("name", ["m.onnx", "m.tflite"])
def test_a_file_that_is_not_there(tmp_path, name):
    refused(tmp_path / name, "expected an exported model, found none")


def test_a_folder_that_is_no_saved_model(tmp_path):
    refused(tmp_path, "expected a SavedModel's folder")


def test_a_file_without_a_description(exports, tmp_path):
    model = onnx.load(exports["onnx"])
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "m.onnx")
    refused(tmp_path / "m.onnx", "found no description; make it with export.py")
    shutil.copytree(exports["saved_model"], tmp_path / "m")
    shutil.rmtree(tmp_path / "m" / "assets.extra")
    refused(tmp_path / "m", "found no description; make it with export.py")


def test_a_file_of_other_classes(exports, tmp_path):
    model = onnx.load(exports["onnx"])
    said = json.loads(model.metadata_props[0].value)
    model.metadata_props[0].value = json.dumps(said | {"ages": [0, 116]})
    onnx.save(model, tmp_path / "m.onnx")
    refused(tmp_path / "m.onnx", "expected ages [0, 100], received [0, 116]")


def test_scripts_offer_every_runtime():
    parser = cli.Parser("A script.")
    cli.add_weight_arguments(parser)
    [choices] = [one.choices for one in parser._actions if one.dest == "runtime"]
    assert tuple(choices) == tuple(RUNTIMES)
