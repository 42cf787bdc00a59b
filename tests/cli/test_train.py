"""train.py as a user runs it."""

import json
import signal
import subprocess
import sys
import time
from functools import partial

import h5py
import numpy as np
import pytest

from tests.helpers import ROOT, assert_one_line_error, heed_ctrl_c, run, write_database

SMALL = ("--depth", "10", "--width", "1", "--batch_size", "8")


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    return write_database(tmp_path_factory.mktemp("database") / "wiki.mat")


@pytest.fixture
def train(run_here):
    return partial(run_here, "train.py")


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_run_leaves_what_is_documented_and_nothing_else(database, tmp_path):
    out = tmp_path / "out"
    command = ("--input", database, "--output_path", out, "--nb_epochs", 1, "--aug", *SMALL)
    done = run("train.py", *command)
    assert (done.returncode, done.stderr) == (0, "")
    (checkpoint,) = out.glob("weights.01-*.hdf5")
    assert done.stdout.splitlines()[-1] == f"best checkpoint: {checkpoint}"
    others = ["accuracy.png", "arguments.json", "history.csv", "loss.png", "state.hdf5"]
    assert names(out) == [*others, checkpoint.name]
    assert names(tmp_path) == ["out"]
    assert json.loads((out / "arguments.json").read_text())["input"] == [str(database)]


def test_ctrl_c_ends_it_in_one_line_and_leaves_whole_files(database, tmp_path):
    command = [sys.executable, ROOT / "train.py", "-i", database, "--output_path", tmp_path]
    with subprocess.Popen(
        [*command, *SMALL, "--nb_epochs", "100000"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_ctrl_c,
    ) as process:
        try:
            latest = time.monotonic() + 120
            while not (tmp_path / "loss.png").exists() and time.monotonic() < latest:
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
    for checkpoint in tmp_path.glob("*.hdf5"):
        h5py.File(checkpoint).close()


def test_a_loss_that_diverges_is_one_line(database, tmp_path, train):
    done = train("-i", database, "--output_path", tmp_path, "--lr", "1e30", *SMALL)
    assert_one_line_error(done, "train.py", "step 2 of epoch 1", "learning rate 1e+30", "--lr")
    assert names(tmp_path) == ["arguments.json"]


def test_no_database(tmp_path, train):
    done = train("-i", tmp_path / "wiki.mat", "--output_path", tmp_path / "out")
    assert_one_line_error(done, "train.py", "wiki.mat: expected a database, found none")
    assert names(tmp_path) == []


def test_text_that_is_no_database(tmp_path, train):
    (tmp_path / "wiki.mat").write_text("faces\n" * 100)
    done = train("-i", tmp_path / "wiki.mat", "--output_path", tmp_path / "out")
    assert_one_line_error(done, "train.py", "expected a database, a MATLAB file")
    assert names(tmp_path) == ["wiki.mat"]


@pytest.mark.parametrize(
    "fields, words",
    [
        ({"gender": np.zeros(31)}, "expected one 'gender' a picture, received 31 for 32 pictures"),
        ({"age": np.zeros(33)}, "received 33 for 32 pictures"),
        ({"image": np.zeros((32, 16, 12, 3), np.uint8)}, "expected square pictures"),
    ],
)
def test_a_database_that_does_not_fit_itself(tmp_path, train, fields, words):
    path = write_database(tmp_path / "wiki.mat", **fields)
    done = train("-i", path, "--output_path", tmp_path / "out")
    assert_one_line_error(done, "train.py", words)
    assert names(tmp_path) == ["wiki.mat"]


@pytest.mark.parametrize(
    "flags, words",
    [
        (("--depth", "12"), "28, ..., received 12; the nearest is 10"),
        (("--validation_split", "0"), "--validation_split: expected a number between 0 and 1"),
        (("--validation_split", "1"), "--validation_split: expected a number between 0 and 1"),
        (("--validation_split", "0.99"), "received 0.99"),
        (("--batch_size", "0"), "--batch_size: expected a whole number above 0, received '0'"),
        (("--lr", "-1"), "--lr: expected a number above 0, received '-1'"),
        (("--nb_epochs", "0"), "--nb_epochs: expected a whole number above 0"),
        (("--opt", "sdg"), "--opt: invalid choice: 'sdg'"),
        (("--monitor", "val_mae"), "--monitor: expected one of val_loss, val_pred_age_mae,"),
        (("--warmup_epochs", "30"), "--warmup_epochs: expected less than --nb_epochs 30"),
        (("--use_se",), "--use_se: expected --arch resnet18, resnet34, resnet50, resnet101"),
        (("--arch", "resnet20"), "--arch: expected wide_resnet, resnet18"),
        (("--seed", "-1"), "--seed: expected 0 to 4294967295, received -1"),
        (("--seed", "4294967296"), "--seed: expected 0 to 4294967295"),
    ],
)
def test_wrong_flags(database, tmp_path, train, flags, words):
    done = train("-i", database, "--output_path", tmp_path / "out", *flags)
    assert_one_line_error(done, "train.py", words)
    assert names(tmp_path) == []


def test_an_output_path_that_is_a_file(database, tmp_path, train):
    (tmp_path / "out").write_text("mine")
    done = train("-i", database, "--output_path", tmp_path / "out")
    assert_one_line_error(done, "train.py", "--output_path", "could not be made: File exists")
    assert (tmp_path / "out").read_text() == "mine"


@pytest.mark.parametrize("there", ["weights.01-3.50.hdf5", "history.csv"])
def test_a_folder_that_holds_a_run(database, tmp_path, train, there):
    (tmp_path / there).write_text("mine")
    done = train("-i", database, "--output_path", tmp_path)
    assert_one_line_error(done, "train.py", "--output_path: expected a folder without a run")
    assert names(tmp_path) == [there]
    assert (tmp_path / there).read_text() == "mine"
