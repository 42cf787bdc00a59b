"""src/estimation/shipped.py: the shipped weights by name."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from src.errors import UserError
from src.estimation import shipped as module
from src.estimation.estimator import Estimator
from src.estimation.shipped import resolve_weights
from src.evaluation.evaluate import load_models
from src.faces.crop import FaceCrop
from src.faces.detectors import DEFAULT_DETECTOR
from src.faces.finder import FaceFinder
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
def shipped(exports, tmp_path, monkeypatch) -> Path:
    """The folder of shipped weights, with a small network in both formats."""
    for format, name in (("hdf5", "age_gender.hdf5"), ("onnx", "age_gender.onnx")):
        shutil.copy(exports[format], tmp_path / name)
        subprocess.run(f"sha256sum {name} > {name}.sha256", shell=True, cwd=tmp_path, check=True)
    monkeypatch.setattr(module, "shipped_path", tmp_path.joinpath)
    return tmp_path


def test_onnx_is_the_default(shipped, exports):
    faces = np.full((1, 32, 32, 3), 90, np.uint8)
    for name in (None, "accurate"):
        estimator = Estimator(name)
        assert estimator.weight_file == shipped / "age_gender.onnx"
        np.testing.assert_array_equal(estimator(faces).age, Estimator(exports["onnx"])(faces).age)
    assert list(load_models([None])) == ["age_gender.onnx"]
    assert resolve_weights(None, for_keras=True) == shipped / "age_gender.hdf5"
    (shipped / "age_gender.onnx").unlink()
    assert resolve_weights() == shipped / "age_gender.hdf5"


def test_names_and_paths(shipped, monkeypatch):
    assert resolve_weights("other.hdf5") == Path("other.hdf5")
    with pytest.raises(UserError, match=r"age_gender_small\.hdf5.*git checkout pretrained_models"):
        Estimator("small")
    monkeypatch.chdir(shipped)
    Path("small").touch()
    assert resolve_weights("small") == Path("small")


@pytest.mark.parametrize("name", ["age_gender.onnx", "age_gender.onnx.sha256"])
def test_damaged_weights_are_rejected(shipped, name):
    (shipped / name).write_text("version https://git-lfs")
    with pytest.raises(UserError, match=r"age_gender\.onnx.*git checkout pretrained_models"):
        Estimator()


def test_git_ignores_other_weights():
    required(ROOT / ".git")
    names = ["README.md", "centerface.onnx"]
    names += [f"age_gender{name}.{end}" for name in ("", "_small") for end in ("hdf5", "onnx")]
    others = ["weights.28-3.73.hdf5", "age_gender.onnx.json", "other.hdf5", "faces.onnx"]
    paths = [f"pretrained_models/{name}" for name in names + others]
    paths += [f"{path}.sha256" for path in paths[1 : len(names)]]
    done = subprocess.run(
        ["git", "check-ignore", "--no-index", *paths], cwd=ROOT, capture_output=True, text=True
    )
    assert done.stdout.splitlines() == paths[len(names) : len(names + others)]


def test_shipped_formats_agree(wiki):
    onnx = required(ROOT / "pretrained_models" / "age_gender.onnx")
    estimators = [Estimator(path) for path in (onnx, onnx.with_suffix(".hdf5"))]
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


def test_committed_weights_load():
    path = resolve_weights()
    assert path.stat().st_size < 24e6
    description = Estimator(path).description
    assert description.crop == FaceCrop(136, 0.25, "face_chip")
    tested = [ids for _, part, ids in description.identities.items() if part == "test"]
    assert sum(map(len, tested)) > 1000
