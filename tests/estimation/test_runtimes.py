"""src/estimation/runtimes.py: exported files predict as their checkpoint does."""

import shutil
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

from src.errors import UserError
from src.estimation.estimator import Estimator
from src.faces.crop import FaceCrop
from src.models.checkpoints import load_checkpoint
from tests.models.reference import made_faces

EXPORTED = ("hdf5", "onnx", "litert", "openvino", "saved_model", "keras")


@pytest.fixture(scope="module")
def faces() -> np.ndarray:
    return made_faces(37, 32)  # more than one batch


@pytest.fixture(scope="module")
def expected(exports, faces) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of female (N,) and of the ages (N, 101), by Keras."""
    model, _ = load_checkpoint(exports["hdf5"])
    gender, age = model.predict_on_batch(faces)
    assert gender.std() > 0.01 and (age @ np.arange(101)).std() > 0.1
    return gender[:, 0], age


@pytest.mark.parametrize("runtime", EXPORTED)
def test_runtimes_equal_keras(exports, faces, expected, runtime):
    """For any number of faces."""
    estimator, (_, description) = Estimator(exports[runtime]), load_checkpoint(exports["hdf5"])
    assert estimator.description == description
    assert estimator.crop == FaceCrop(32, 0.15)
    for count in (len(faces), 5, 1, 0, 7):
        found = estimator(faces[:count])
        p_female, ages = (each[:count] for each in expected)
        np.testing.assert_allclose(found.p_female, p_female, atol=1e-5)
        np.testing.assert_allclose(found.age_distribution, ages, atol=1e-5)
        np.testing.assert_allclose(found.age, ages @ np.arange(101), atol=1e-3)
        assert found.age_low.shape == found.age_high.shape == (count,)


def test_runtime_flag_overrides_the_name(exports, faces, expected, tmp_path):
    path = Path(shutil.copy(exports["onnx"], tmp_path / "model.bin"))
    found = Estimator(path, runtime="onnx")(faces)
    np.testing.assert_allclose(found.p_female, expected[0], atol=1e-5)
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
def test_file_cut_short(exports, tmp_path, name):
    refused(tmp_path / name, "expected a weight file, found none")
    content = exports["onnx"].with_name(name).read_bytes()
    for share in (0, 0.5):
        (tmp_path / name).write_bytes(content[: int(share * len(content))])
        refused(tmp_path / name, "export.py")


def test_file_without_description(exports, tmp_path):
    model = onnx.load(exports["onnx"])
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "m.onnx")
    refused(tmp_path / "m.onnx", "export.py")
    shutil.copytree(exports["saved_model"], tmp_path / "m")
    (tmp_path / "m" / "description.json").unlink()
    refused(tmp_path / "m", "export.py")
