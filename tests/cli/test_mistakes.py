"""Mistakes in paths and flags are answered before TensorFlow is imported."""

import json
import subprocess
import sys

import pytest

from tests.helpers import ROOT, make_picture, write_database

PROGRAM = """
import io, json, runpy, sys
from contextlib import redirect_stderr
class Blocked:
    def find_spec(name, *_):
        assert name not in ("keras", "tensorflow", "jax"), f"{name} was imported"
sys.meta_path.insert(0, Blocked)
script, *commands = sys.argv[1:]
answers = []
for command in map(json.loads, commands):
    sys.argv, answer = [script, *command], io.StringIO()
    try:
        with redirect_stderr(answer):
            runpy.run_path(script, run_name="__main__")
    except SystemExit as end:
        answers.append((end.code, answer.getvalue()))
    except AssertionError as error:
        answers.append((1, str(error)))
print(json.dumps(answers))
"""
CSV = ["--db", "csv", "--output", "out.mat"]
MISTAKES = {
    "create_db.py": [
        (["--output", "out.mat", "--db", "wik"], "did you mean wiki?"),
        (["--db", "csv", "--data_dir", ".", "--output", "none/out.mat"], "none"),
        ([*CSV, "--data_dir", "none"], "none"),
        ([*CSV, "--data_dir", ".", "--labels", "none.csv"], "none.csv"),
        ([*CSV, "--min_face", "20"], "--min_face requires"),
        ([*CSV, "--img_size", "1.5"], "--img_size: expected a whole number in [1, 4096]"),
        ([*CSV, "--scheduler", "tcp://a:1", "--workers", "2"], "--workers cannot be combined"),
        ([*CSV, "--min_score", "2"], "--min_score requires --db wiki or imdb"),
    ],
    "train.py": [
        (["--input", "none.mat"], "none.mat"),
        (["--input", "db.mat", "--init", "none.hdf5"], "none.hdf5"),
        (["--input", "db.mat", "--teacher", "none.hdf5"], "none.hdf5"),
        (["--input", "db.mat", "--config", "none.yaml"], "none.yaml"),
        (["--input", "db.mat", "--output_path", "db.mat"], "db.mat"),
        (["--input", "db.mat", "--opt", "adamm"], "did you mean adam?"),
    ],
    "evaluate.py": [
        (["--input", "none.mat"], "none.mat"),
        (["--image_csv", "none.csv"], "none.csv"),
        (["--input", "db.mat", "--weight_file", "none.hdf5"], "none.hdf5"),
        (["--input", "db.mat", "--weight_file", "small", "small"], "different models"),
        (["--input", "db.mat", "--output", "db.mat"], "db.mat"),
        (["--input", "db.mat", "--predictions", "none/faces.csv"], "none"),
        (["--input", "db.mat", "--detect"], "--detect requires --image_csv"),
    ],
    "evaluate_appa_real.py": [
        (["--data_dir", "none"], "none"),
        (["--split", "validation"], "did you mean valid?"),
    ],
    "export.py": [
        (["--format", "tflite", "--output", "out.tflite"], "did you mean litert?"),
        (["--format", "onnx", "--output", "none/out.onnx"], "none"),
        (["--format", "onnx", "--output", "o.onnx", "--int8"], "--int8 requires --input"),
        (["--format", "onnx", "--output", "o.onnx", "--int8", "--fp16"], "--int8"),
        (["--format", "onnx", "--output", "o.onnx", "--weight_file", "none.hdf5"], "none.hdf5"),
        (["--format", "onnx", "--output", "o.onnx", "--input", "none.mat"], "none.mat"),
        (["--format", "hdf5", "--output", "o.hdf5", "--calibrate", "none.mat"], "none.mat"),
        (["--format", "hdf5", "--output", "o.hdf5", "--average", "none.hdf5"], "requires --input"),
    ],
    "demo.py": [
        (["none.jpg", "--no_display"], "none.jpg"),
        (["photo.jpg", "--json", "out.jsonl"], "did you mean --jsonl?"),
        (["photo.jpg", "--csv", "none/out.csv"], "none"),
        (["photo.jpg", "--weight_file", "none.hdf5", "--no_display"], "none.hdf5"),
        (["--image_dir", "none"], "none"),
        (["--video", "none.mp4", "--no_display"], "none.mp4"),
        (["--labels", "none.csv", "--output_dir", "out"], "none.csv"),
    ],
}


@pytest.mark.parametrize("script", MISTAKES)
def test_mistakes_are_answered_first(script, tmp_path):
    make_picture(tmp_path / "photo.jpg")
    write_database(tmp_path / "db.mat", count=4)
    commands = [json.dumps(command) for command, _ in MISTAKES[script]]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(ROOT / script), *commands],
        cwd=tmp_path, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for (command, words), answer in zip(MISTAKES[script], json.loads(done.stdout), strict=True):
        code, line = answer
        assert (code, len(line.splitlines())) == (2, 1), (command, line)
        assert line.startswith(f"{script}: error: ") and words in line, (command, line)
