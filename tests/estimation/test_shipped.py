"""src/estimation/shipped.py: the shipped weights and their checksum."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from src.errors import UserError
from src.estimation import shipped as module
from src.estimation.estimator import Estimator
from src.estimation.shipped import shipped_weights
from src.evaluation.evaluate import load_models
from src.faces.crop import FaceCrop
from tests.conftest import required
from tests.helpers import ROOT


@pytest.fixture
def shipped_copy(exports, tmp_path, monkeypatch) -> Path:
    """The weights of a small network as shipped weights, with their checksum file."""
    path = tmp_path / "age_gender.hdf5"
    path.write_bytes(exports["hdf5"].read_bytes())
    subprocess.run("sha256sum age_gender.hdf5 > age_gender.hdf5.sha256", shell=True, cwd=tmp_path)
    monkeypatch.setattr(module, "SHIPPED", path)
    return path


def test_shipped_weights_are_the_default(shipped_copy, exports):
    faces = np.full((1, 32, 32, 3), 90, np.uint8)
    np.testing.assert_array_equal(Estimator()(faces).age, Estimator(exports["hdf5"])(faces).age)
    assert list(load_models([None])) == ["age_gender.hdf5"]


@pytest.mark.parametrize(
    "name, content, words",
    [
        (
            "age_gender.hdf5",
            "version https://git-lfs",
            r"SHA-256 [0-9a-f]{64}, found [0-9a-f]{64}",
        ),
        ("age_gender.hdf5.sha256", "", "SHA-256 , found"),
        ("age_gender.hdf5", None, "found none"),
        ("age_gender.hdf5.sha256", None, "found none"),
    ],
)
def test_damaged_weights_are_rejected(shipped_copy, name, content, words):
    path = shipped_copy.with_name(name)
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(UserError, match=rf"age_gender\.hdf5.*{words}.*git checkout pretrained_mod"):
        Estimator()


def test_git_ignores_other_weights():
    required(ROOT / ".git")
    names = ["README.md", "age_gender.hdf5", "age_gender.hdf5.sha256", "centerface.onnx"]
    others = ["weights.28-3.73.hdf5", "age_gender.hdf5.json", "other.hdf5", "faces.onnx"]
    paths = [f"pretrained_models/{name}" for name in names + others]
    done = subprocess.run(
        ["git", "check-ignore", "--no-index", *paths], cwd=ROOT, capture_output=True, text=True
    )
    assert done.stdout.splitlines() == paths[len(names) :]


def test_committed_weights_load(shipped):
    assert shipped_weights() == shipped
    assert shipped.stat().st_size < 24e6
    description = Estimator().description
    assert description.crop == FaceCrop(136, 0.25, "face_chip")
    assert {entry["test"]["rows"] > 0 for entry in description.split["databases"]} == {True}
