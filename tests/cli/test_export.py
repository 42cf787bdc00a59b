"""export.py as a user runs it, and demo.py on what it made."""

import csv
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from matplotlib import cbook

from tests.helpers import ROOT, assert_one_line_error, names, run

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
