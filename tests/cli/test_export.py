"""export.py as a user runs it, and demo.py on what it made."""

import csv
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from matplotlib import cbook

from src.data.split import hashed
from src.estimation.estimator import Estimator
from src.models.checkpoints import load_checkpoint, save_checkpoint
from tests.helpers import ROOT, assert_one_line_error, names, run, split_of, write_our_database

# A script that runs another one where TensorFlow and Keras cannot be imported.
WITHOUT_KERAS = """
import runpy, sys
sys.modules.update(tensorflow=None, keras=None)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture
def export(run_here):
    return partial(run_here, "export.py")


def test_it_says_what_it_wrote_and_how_far_off_it_is(exports, tmp_path):
    output = tmp_path / "faces.onnx"
    done = run(
        "export.py", "--weight_file", exports["hdf5"], "--format", "onnx", "--output", output
    )
    assert (done.returncode, done.stderr) == (0, "")
    size, difference = done.stdout.splitlines()
    assert size == f"{output}: {output.stat().st_size / 1e6:.1f} MB"
    assert difference.startswith("on 18 cuts of grace_hopper.jpg it differs from the weight file")
    assert names(tmp_path) == {"faces.onnx", "faces.onnx.json"}


def test_what_a_person_can_fix_is_one_line(exports, tmp_path, export):
    options = ("--weight_file", exports["hdf5"], "--output", tmp_path / "m.onnx")
    done = export(*options, "--format", "onnx", "--int8")
    assert_one_line_error(done, "export.py", "--int8: expected --input")
    done = export(*options, "--format", "onnx", "--int8", "--fp16")
    assert_one_line_error(done, "export.py", "not allowed with")
    done = export(*options, "--format", "torch")
    assert_one_line_error(done, "export.py", "invalid choice: 'torch'")
    assert names(tmp_path) == set()


def test_a_mean_of_weight_files_is_exported(exports, tmp_path, export):
    """Of a file and itself it is the file."""
    options = ("--format", "hdf5", "--output", tmp_path / "m.hdf5")
    done = export("--weight_file", exports["hdf5"], "--average", exports["hdf5"], *options)
    assert (done.returncode, done.stderr) == (0, "")
    assert names(tmp_path) == {"m.hdf5", "m.hdf5.json"}
    done = export("--weight_file", exports["hdf5"], "--average", "nowhere.hdf5", *options)
    assert_one_line_error(done, "export.py", "m.hdf5 exists")  # before weights are read
    faces = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), np.uint8)
    ages = [Estimator(path)(faces).age for path in (exports["hdf5"], tmp_path / "m.hdf5")]
    np.testing.assert_allclose(*ages, rtol=1e-6)


@pytest.fixture(scope="module")
def database(tmp_path_factory) -> Path:
    """400 faces, a tenth of which train.py --split_by hash validates on."""
    path = tmp_path_factory.mktemp("database") / "wiki.mat"
    rng = np.random.default_rng(0)
    faces = rng.integers(0, 256, (400, 32, 32, 3), np.uint8)
    age, gender = rng.integers(10, 80, 400).astype(float), rng.integers(0, 2, 400).astype(float)
    columns = {"age_low": age, "age_high": age, "gender": gender, "group": [""] * 400}
    write_our_database(path, faces, {**columns, "path": [f"{i}.jpg" for i in range(400)]})
    return path


def test_a_checkpoint_is_calibrated_halved_and_told_its_margin(exports, database, tmp_path, export):
    """Its fresh network says much the same of all faces, whose ages are anything from 10 to 79."""
    trained, output = tmp_path / "trained.hdf5", tmp_path / "age_gender.hdf5"
    model, description = load_checkpoint(exports["hdf5"])
    save_checkpoint(trained, model, replace(description, split=split_of(database)))
    options = ("--weight_file", trained, "--format", "hdf5", "--output", output, "--fp16")
    done = export(*options, "--margin", 0.3, "--calibrate", database, "--input", database)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["on", "the", "other", "half", "before", "after", "wanted", "faces"]
    assert f"{output}: {output.stat().st_size / 1e6:.1f} MB" in lines
    said = Estimator(output)
    assert said.margin == 0.3
    assert said.description.calibration["faces"] == sum(
        hashed(f"{i}.jpg") < 0.05 for i in range(400)
    )
    assert names(tmp_path) == {"age_gender.hdf5", "age_gender.hdf5.json", "trained.hdf5"}
    options = ("--weight_file", output, "--format", "onnx", "--output", tmp_path / "faces.onnx")
    done = export(*options, "--calibrate", database)
    assert_one_line_error(done, "export.py", "--calibrate: expected", "not calibrated yet")


def test_nothing_is_calibrated_for_what_cannot_be_written(exports, tmp_path, export):
    options = ("--weight_file", exports["hdf5"], "--calibrate", tmp_path / "none.mat")
    done = export(*options, "--format", "hdf5", "--output", exports["hdf5"])
    assert_one_line_error(done, "export.py", "--output:", "--force")


def demo(tmp_path: Path, weight_file: Path, *start: str) -> list[list[str]]:
    """Rows that demo.py writes of the portrait."""
    photos, table = tmp_path / "photos", tmp_path / "faces.csv"
    photos.mkdir(exist_ok=True)
    portrait = Path(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))
    (photos / "grace.jpg").write_bytes(portrait.read_bytes())
    command = [sys.executable, *start, ROOT / "demo.py", "--weight_file", weight_file]
    command += ["--image_dir", photos, "--csv", table, "--no_display"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    with table.open(newline="") as file:
        return list(csv.reader(file))


def test_the_demo_says_the_same_without_tensorflow(exports, tmp_path):
    rows = demo(tmp_path, exports["hdf5"])
    assert len(rows) == 2 and rows[1][0] == "grace.jpg"
    for runtime in ("onnx", "litert"):
        assert demo(tmp_path, exports[runtime], "-c", WITHOUT_KERAS) == rows
