"""src/estimation/shipped.py: the weights that ship, and no others."""

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
from tests.conftest import at_hand
from tests.helpers import ROOT


@pytest.fixture
def put_in_place(exports, tmp_path, monkeypatch) -> Path:
    """A small network's weights as those that ship, by the command that puts real ones there."""
    path = tmp_path / "age_gender.hdf5"
    path.write_bytes(exports["hdf5"].read_bytes())
    subprocess.run("sha256sum age_gender.hdf5 > age_gender.hdf5.sha256", shell=True, cwd=tmp_path)
    monkeypatch.setattr(module, "SHIPPED", path)
    return path


def test_they_are_what_is_used_where_none_are_named(put_in_place, exports):
    faces = np.full((1, 32, 32, 3), 90, np.uint8)
    np.testing.assert_array_equal(Estimator()(faces).age, Estimator(exports["hdf5"])(faces).age)
    assert list(load_models([None], 16, 8)) == ["age_gender.hdf5"]


@pytest.mark.parametrize(
    "name, content, words",
    [
        (
            "age_gender.hdf5",
            "version https://git-lfs",
            r"of SHA-256 [0-9a-f]{64}, found [0-9a-f]{64}",
        ),
        ("age_gender.hdf5.sha256", "", "of SHA-256 , found"),
        ("age_gender.hdf5", None, "found none"),
        ("age_gender.hdf5.sha256", None, "found none"),
    ],
)
def test_others_are_refused_with_what_to_do(put_in_place, name, content, words):
    path = put_in_place.with_name(name)
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(UserError, match=rf"age_gender\.hdf5.*{words}.*git checkout pretrained_mod"):
        Estimator()


def test_git_lets_in_them_and_nothing_else_beside_the_card():
    at_hand(ROOT / ".git")
    names = ["README.md", "age_gender.hdf5", "age_gender.hdf5.sha256"]
    others = ["weights.28-3.73.hdf5", "age_gender.hdf5.json", "other.hdf5", "faces.onnx"]
    paths = [f"pretrained_models/{name}" for name in names + others]
    done = subprocess.run(
        ["git", "check-ignore", "--no-index", *paths], cwd=ROOT, capture_output=True, text=True
    )
    assert done.stdout.splitlines() == paths[len(names) :]


def test_the_real_ones_are_those_that_were_committed(shipped):
    assert shipped_weights() == shipped
    assert shipped.stat().st_size < 24e6
    description = Estimator().description
    assert description.crop == FaceCrop(112, 0.25, "face_chip")
    assert {entry["test"]["rows"] > 0 for entry in description.split["databases"]} == {True}
