"""export.py, and demo.py on its exports."""

import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from src.data.split import hashed
from src.estimation.estimator import Estimator
from src.models.checkpoints import load_checkpoint, save_checkpoint
from tests.helpers import (
    ROOT,
    assert_one_line_error,
    names,
    read_csv,
    run,
    trained_on,
    write_our_database,
)

# Runs a script without TensorFlow and Keras.
WITHOUT_KERAS = """
import runpy, sys
sys.modules.update(tensorflow=None, keras=None)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture
def export(run_here):
    return partial(run_here, "export.py")


def test_size_and_difference_are_printed(exports, tmp_path):
    output = tmp_path / "faces.onnx"
    done = run(
        "export.py", "--weight_file", exports["hdf5"], "--format", "onnx", "--output", output
    )
    assert (done.returncode, done.stderr) == (0, "")
    size, *differences = done.stdout.splitlines()
    assert size.startswith(f"{output}: {output.stat().st_size / 1e6:.1f} MB; differences")
    assert size.endswith("18 crops of grace_hopper.jpg:")
    assert [line.partition(":")[0] for line in differences] == ["gender", "age"]
    assert names(tmp_path) == {"faces.onnx", "faces.onnx.json"}


def test_average(exports, database, tmp_path, export):
    options = ("--weight_file", exports["hdf5"], "--average", exports["hdf5"])
    options += ("--format", "hdf5", "--output", tmp_path / "m.hdf5")
    assert_one_line_error(export(*options), "export.py", "--average requires --input")
    done = export(*options, "--input", database)
    assert (done.returncode, done.stderr) == (0, "")
    assert names(tmp_path) == {"m.hdf5", "m.hdf5.json"}
    done = export(*options[:3], "nowhere.hdf5", *options[4:], "--input", database)
    assert_one_line_error(done, "export.py", "nowhere.hdf5")


@pytest.fixture(scope="module")
def database(tmp_path_factory) -> Path:
    """800 faces, a tenth of them validation faces by hash."""
    path = tmp_path_factory.mktemp("database") / "wiki.mat"
    rng = np.random.default_rng(0)
    faces = rng.integers(0, 256, (800, 32, 32, 3), np.uint8)
    age, gender = rng.integers(10, 80, 800).astype(float), rng.integers(0, 2, 800).astype(float)
    columns = {"age_low": age, "age_high": age, "gender": gender, "group": [""] * 800}
    write_our_database(path, faces, {**columns, "path": [f"{i}.jpg" for i in range(800)]})
    return path


def test_calibrated_half_precision_export(exports, database, tmp_path, export):
    """A fresh network predicts nearly the same age for all faces, aged 10 to 79."""
    trained, output = tmp_path / "trained.hdf5", tmp_path / "age_gender.hdf5"
    model, description = load_checkpoint(exports["hdf5"])
    save_checkpoint(trained, model, replace(description, **trained_on(database)))
    options = ("--weight_file", trained, "--format", "hdf5", "--output", output, "--fp16")
    done = export(*options, "--calibrate", database, "--input", database)
    assert done.returncode == 0, done.stderr
    assert f"{output}: {output.stat().st_size / 1e6:.1f} MB;" in done.stdout
    exported = Estimator(output)
    validation = sum(hashed(f"{i}.jpg") < 0.1 for i in range(800))
    assert 0 < exported.description.calibration["faces"] < validation
    assert names(tmp_path) == {"age_gender.hdf5", "age_gender.hdf5.json", "trained.hdf5"}
    options = ("--weight_file", output, "--format", "onnx", "--output", tmp_path / "faces.onnx")
    done = export(*options, "--calibrate", database)
    assert_one_line_error(done, "export.py", "--calibrate")


def test_output_is_checked_before_calibration(exports, tmp_path, export):
    options = ("--weight_file", exports["hdf5"], "--calibrate", tmp_path / "none.mat")
    done = export(*options, "--format", "hdf5", "--output", exports["hdf5"])
    assert_one_line_error(done, "export.py", "--output")


def test_demo_without_tensorflow(exports, portraits, tmp_path, run_here):
    table = tmp_path / "faces.csv"
    options = (portraits / "hopper.jpg", "--csv", table, "--no_display", "--weight_file")
    assert run_here("demo.py", *options, exports["hdf5"]).returncode == 0
    rows = read_csv(table)
    assert len(rows) == 2 and rows[1][0] == "hopper.jpg"
    for runtime in ("onnx", "litert"):
        command = [sys.executable, "-c", WITHOUT_KERAS, ROOT / "demo.py"]
        done = subprocess.run(
            [*command, *options, exports[runtime]], capture_output=True, text=True
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert read_csv(table) == rows
