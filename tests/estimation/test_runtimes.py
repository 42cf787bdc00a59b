"""src/estimation/runtimes.py: exported files predict as their checkpoint does, without Keras."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

from src.errors import UserError
from src.estimation.estimator import Estimates, Estimator
from src.faces.crop import FaceCrop
from tests.helpers import ROOT
from tests.models.reference import made_faces

EXPORTED = ("onnx", "litert", "openvino", "saved_model", "keras")
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
def expected(exports, faces) -> Estimates:
    return Estimator(exports["hdf5"])(faces)


@pytest.mark.parametrize("runtime", EXPORTED)
def test_runtimes_equal_the_checkpoint(exports, faces, expected, runtime):
    estimator, checkpoint = Estimator(exports[runtime]), Estimator(exports["hdf5"])
    assert estimator.description == checkpoint.description
    assert estimator.crop == FaceCrop(32, 0.15)
    other = estimator(faces)
    np.testing.assert_allclose(other.age, expected.age, atol=1e-3)
    np.testing.assert_allclose(other.p_female, expected.p_female, atol=1e-5)
    np.testing.assert_allclose(other.age_distribution, expected.age_distribution, atol=1e-5)


@pytest.mark.parametrize("runtime", EXPORTED)
def test_any_number_of_faces(exports, faces, expected, runtime):
    estimator = Estimator(exports[runtime])
    for count in (5, 1, 0, 7):
        np.testing.assert_allclose(estimator(faces[:count]).age, expected.age[:count], atol=1e-3)


@pytest.mark.parametrize("runtime", ["onnx", "litert"])
def test_exports_run_without_keras(exports, faces, expected, tmp_path, runtime):
    np.save(tmp_path / "faces.npy", faces)
    command = [sys.executable, "-c", WITHOUT_KERAS, exports[runtime], tmp_path / "faces.npy"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    np.testing.assert_allclose([float(age) for age in done.stdout.split()], expected.age, atol=1e-3)


def test_runtime_flag_overrides_the_name(exports, faces, expected, tmp_path):
    path = Path(shutil.copy(exports["onnx"], tmp_path / "model.bin"))
    np.testing.assert_allclose(Estimator(path, runtime="onnx")(faces).age, expected.age, atol=1e-3)
    with pytest.raises(UserError, match="expected a weight file, HDF5"):
        Estimator(path)
    with pytest.raises(UserError, match="tensorrt"):
        Estimator(path, runtime="tensorrt")


@pytest.mark.parametrize(
    "runtime, module, package",
    [
        ("onnx", "onnxruntime", "onnxruntime"),
        ("litert", "ai_edge_litert.interpreter", "ai-edge-litert"),
        ("openvino", "openvino", "openvino"),
        ("saved_model", "tensorflow", "tensorflow"),
    ],
)
def test_missing_library_is_named(exports, monkeypatch, runtime, module, package):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UserError, match=f"pip install {package} "):
        Estimator(exports[runtime])


def refused(path: Path, words: str) -> None:
    with pytest.raises(UserError) as raised:
        Estimator(path)
    message = str(raised.value)
    assert message.startswith(f"{path}: ")
    assert words in message


@pytest.mark.parametrize("name", ["m.onnx", "m.tflite", "m.keras"])
@pytest.mark.parametrize("share", [0, 0.5])
def test_file_cut_short(exports, tmp_path, name, share):
    (whole,) = (path for path in exports.values() if path.name == name)
    content = whole.read_bytes()
    (tmp_path / name).write_bytes(content[: int(share * len(content))])
    refused(tmp_path / name, "expected a")


@pytest.mark.parametrize("name", ["m.onnx", "m.tflite"])
def test_missing_file_is_named(tmp_path, name):
    refused(tmp_path / name, "expected an exported model, found none")


def test_other_folder_is_rejected(tmp_path):
    refused(tmp_path, "export.py")


def test_file_without_description(exports, tmp_path):
    model = onnx.load(exports["onnx"])
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "m.onnx")
    refused(tmp_path / "m.onnx", "export.py")
    shutil.copytree(exports["saved_model"], tmp_path / "m")
    (tmp_path / "m" / "description.json").unlink()
    refused(tmp_path / "m", "export.py")


def test_file_of_other_classes(exports, tmp_path):
    model = onnx.load(exports["onnx"])
    stored = json.loads(model.metadata_props[0].value)
    model.metadata_props[0].value = json.dumps(stored | {"ages": [0, 116]})
    onnx.save(model, tmp_path / "m.onnx")
    refused(tmp_path / "m.onnx", "expected ages [0, 100], received [0, 116]")
