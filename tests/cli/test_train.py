"""train.py as a user runs it."""

import json
import signal
import subprocess
import sys
import time
from functools import partial

import h5py
import pandas as pd
import pytest

from tests.helpers import ROOT, allow_ctrl_c, assert_one_line_error, write_database

SMALL = ("--arch", "small_cnn", "--batch_size", "8")


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    return write_database(tmp_path_factory.mktemp("database") / "wiki.mat")


@pytest.fixture
def train(run_here):
    return partial(run_here, "train.py")


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_documented_files_are_written(database, train, tmp_path):
    out = tmp_path / "out"
    command = ("--input", database, "--output_path", out, "--nb_epochs", 1, "--aug", *SMALL)
    done = train(*command)
    assert (done.returncode, done.stderr) == (0, "")
    (checkpoint,) = out.glob("weights.01-*.hdf5")
    assert done.stdout.splitlines()[-1] == f"best checkpoint: {checkpoint}"
    others = [
        "accuracy.png",
        "arguments.json",
        "best.hdf5",
        "history.csv",
        "loss.png",
        "state.hdf5",
    ]
    assert names(out) == [*others, checkpoint.name]
    assert names(tmp_path) == ["out"]
    assert json.loads((out / "arguments.json").read_text())["input"] == [str(database)]


def test_ctrl_c_leaves_complete_files(database, tmp_path):
    command = [sys.executable, ROOT / "train.py", "-i", database, "--output_path", tmp_path]
    with subprocess.Popen(
        [*command, "--depth", "10", "--width", "1", "--batch_size", "8", "--nb_epochs", "100000"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=allow_ctrl_c,
    ) as process:
        try:
            latest = time.monotonic() + 120
            while not (tmp_path / "state.hdf5").exists() and time.monotonic() < latest:
                time.sleep(0.05)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 130
    [line] = errors.splitlines()
    assert line.startswith("train.py: interrupted: ") and f"--resume {tmp_path}" in line
    for path in tmp_path.iterdir():
        assert ".partial" not in path.name
    for checkpoint in tmp_path.glob("weights.*"):
        h5py.File(checkpoint).close()
    done = pd.read_csv(tmp_path / "history.csv")["epoch"].iloc[-1]
    with h5py.File(tmp_path / "state.hdf5") as file:
        assert 0 <= done - file.attrs["epochs"] <= 1


def test_divergence_is_one_line(database, tmp_path, train):
    done = train("-i", database, "--output_path", tmp_path, "--lr", "1e30", *SMALL)
    assert_one_line_error(done, "train.py", "nan at the end of epoch 1", "--lr")
    assert names(tmp_path) == ["arguments.json"]


def test_database_twice_is_rejected(database, tmp_path, train):
    done = train("-i", database, database, "--output_path", tmp_path / "out")
    assert_one_line_error(done, "train.py", "--input", "wiki.mat")
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    "flags, words",
    [
        (("--depth", "12"), ("12", "10")),
        (("--validation_split", "0.99"), ("--validation_split", "0.99")),
        (("--split_by", "hash"), ("--split_by hash", "wiki.mat")),
    ],
)
def test_wrong_flags_are_one_line(database, tmp_path, train, flags, words):
    done = train("-i", database, "--output_path", tmp_path / "out", *flags)
    assert_one_line_error(done, "train.py", *words)
    assert names(tmp_path) == []


@pytest.mark.parametrize("there", ["weights.01-3.50.hdf5", "history.csv"])
def test_output_path_holds_a_run(database, tmp_path, train, there):
    (tmp_path / there).write_text("mine")
    done = train("-i", database, "--output_path", tmp_path)
    assert_one_line_error(done, "train.py", "--output_path")
    assert names(tmp_path) == [there]
    assert (tmp_path / there).read_text() == "mine"
