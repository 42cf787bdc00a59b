"""evaluate_appa_real.py as a user runs it, on images in APPA-REAL's layout."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from src.models.checkpoints import load_checkpoint
from tests.helpers import make_picture, run

HEADER = "file_name,num_ratings,apparent_age_avg,apparent_age_std,real_age"
APPARENT = [38.5, 41.25, 29.0, 33.1, 26.0]
REAL = [40, 39, 31, 36, 25]


@pytest.fixture(scope="module")
def weights(exports):
    return exports["onnx"]


@pytest.fixture(scope="module")
def evaluated(weights, tmp_path_factory):
    """One run on five images, a missing and an unreadable one."""
    data_dir = tmp_path_factory.mktemp("appa") / "appa-real-release"
    valid = data_dir / "valid"
    valid.mkdir(parents=True)
    for i in range(5):
        make_picture(valid / f"{i:06d}.jpg_face.jpg", seed=i)
    (valid / "000005.jpg_face.jpg").write_text("no picture")
    ages = [*zip(APPARENT, REAL, strict=True), (50, 50), (60, 60)]
    rows = [f"{i:06d}.jpg,38,{apparent},3.5,{real}" for i, (apparent, real) in enumerate(ages)]
    (data_dir / "gt_avg_valid.csv").write_text("\n".join([HEADER, *rows, ""]))
    before = sorted(data_dir.rglob("*"))
    done = run("evaluate_appa_real.py", "--weight_file", weights, "--data_dir", data_dir)
    assert done.returncode == 0, done.stderr
    return SimpleNamespace(data_dir=data_dir, before=before, done=done)


def test_mae_equals_numpys(evaluated, exports):
    network, _ = load_checkpoint(exports["hdf5"])
    faces = [
        cv2.resize(
            cv2.imread(str(evaluated.data_dir / "valid" / f"{i:06d}.jpg_face.jpg")), (32, 32)
        )
        for i in range(5)
    ]
    _, distributions = network.predict(np.array(faces), verbose=0)
    predicted = distributions.dot(np.arange(0, 101).reshape(101, 1)).flatten()
    lines = [line.split() for line in evaluated.done.stdout.splitlines()]
    for line, name, ages in ((lines[2], "apparent", APPARENT), (lines[3], "real", REAL)):
        assert line[1] == name
        assert float(line[2]) == pytest.approx(np.abs(predicted - ages).mean(), abs=0.006)


def test_printed_tables(evaluated):
    """Both errors, unreadable images, and metrics against the target, of the first table."""
    lines = evaluated.done.stdout.splitlines()
    assert lines[0].split() == ["model", "age", "MAE", "(years)", "images"]
    assert [line.split()[3] for line in lines[2:4]] == ["5", "5"]
    assert lines[5] == "against the apparent age:"
    named = "000005.jpg_face.jpg (image undecodable), 000006.jpg_face.jpg (image missing)"
    assert f"note: 2 of 7 images skipped: {named}" in lines
    assert any(line.startswith("note: ") and "margin of 0.4" in line for line in lines)
    cells = [line.split() for line in lines]
    [mae] = [words for words in cells if words[:3] == ["mean", "absolute", "error,"]]
    assert mae[4] == f"{lines[2].split()[2]}*"
    assert any(words[:2] == ["epsilon", "error"] for words in cells)
    assert sum(words[0] == "age" and "-" in words[1] for words in cells if len(words) > 2) == 3
    assert evaluated.done.stderr == "7 of 7 images\n"
    assert sorted(evaluated.data_dir.rglob("*")) == evaluated.before  # nothing is written
