"""src/shipped.py, and the weights that ship."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from src import shipped as module
from src.demo import app
from src.demo.arguments import Arguments
from src.errors import UserError
from src.estimation.estimator import Estimator
from src.evaluation.evaluate import load_models
from src.faces.crop import FaceCrop
from src.faces.detectors import DEFAULT_DETECTOR
from src.faces.finder import FaceFinder
from src.shipped import SHIPPED, resolve_weights, shipped_path
from tests.conftest import required
from tests.helpers import ROOT

ALONE = """
import sys
from src import Estimator
[face] = Estimator().predict(sys.argv[1])
assert 20 < face.age < 100, face
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


@pytest.fixture
def folder(exports, tmp_path, monkeypatch) -> Path:
    """The folder of shipped weights, with a small network in both formats."""
    for format, name in (("hdf5", "age_gender.hdf5"), ("onnx", "age_gender.onnx")):
        shutil.copy(exports[format], tmp_path / name)
    monkeypatch.setattr(module, "shipped_path", tmp_path.joinpath)
    return tmp_path


def test_names_and_paths(folder, monkeypatch):
    for name in (None, "accurate"):
        assert Estimator(name).weight_file == folder / "age_gender.onnx"
    assert list(load_models([None])) == ["age_gender.onnx"]
    assert resolve_weights(None, for_keras=True) == folder / "age_gender.hdf5"
    assert resolve_weights("other.hdf5") == Path("other.hdf5")
    with pytest.raises(UserError, match=r"age_gender_small\.onnx.*git checkout pretrained_models"):
        Estimator("small")
    monkeypatch.chdir(folder)
    Path("small").touch()
    assert resolve_weights("small") == Path("small")


@pytest.fixture(params=SHIPPED)
def name(request) -> str:
    """The name of shipped weights."""
    if not shipped_path(f"{SHIPPED[request.param]}.onnx").is_file():
        pytest.skip(f"the weights {request.param} do not ship yet")
    return request.param


def test_shipped_formats_agree(wiki, name):
    estimators = [Estimator(resolve_weights(name, for_keras)) for for_keras in (False, True)]
    assert estimators[0].description == estimators[1].description
    finder = FaceFinder(DEFAULT_DETECTOR, None, estimators[0].crop)
    found = finder.find_all(sorted(wiki.rglob("*.jpg"))[:120])
    crops = np.concatenate([each.crops for each in found])
    assert len(crops) > 80
    onnx, hdf5 = (estimator(crops) for estimator in estimators)
    np.testing.assert_allclose(onnx.age, hdf5.age, atol=0.05)
    np.testing.assert_allclose(onnx.p_female, hdf5.p_female, atol=0.01)


def test_estimator_loads_no_tensorflow(portraits):
    required(ROOT / "pretrained_models" / "age_gender.onnx")
    command = [sys.executable, "-c", ALONE, portraits / "hopper.jpg"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "onnxruntime" in loaded
    assert not loaded & {"tensorflow", "keras", "jax", "pandas", "matplotlib"}
    assert done.stderr == ""


def test_shipped_weights_are_described(name):
    path = resolve_weights(name)
    assert path.stat().st_size < 24e6
    description = Estimator(path).description
    assert description.crop.alignment == "face_chip"
    assert name != "accurate" or description.crop == FaceCrop(136, 0.25, "face_chip")
    tested = [ids for _, part, ids in description.identities.items() if part == "test"]
    assert sum(map(len, tested)) > 1000


@pytest.mark.parametrize("source, expected", [("clip.mp4", "small"), ("hopper.jpg", "None")])
def test_videos_use_the_small_weights(portraits, monkeypatch, source, expected):
    def refuse(weight_file, *_):
        raise UserError(f"weights: {weight_file}")

    monkeypatch.setattr(app, "Estimator", refuse)
    with pytest.raises(UserError, match=f"weights: {expected}$"):
        app.run(Arguments(images=(str(portraits / source),), no_display=True))
