"""Runs that go on: src/training/state.py, and --resume as a user gives it."""

import signal
import subprocess
import sys
import time

import h5py
import numpy as np
import pandas as pd
import pytest

from src.errors import UserError
from src.models.checkpoints import load_checkpoint
from src.training.arguments import Arguments
from src.training.fit import train
from tests.helpers import ROOT, heed_ctrl_c, names, write_database

# Every kind of state: moments, averages, a schedule by steps, dropout, drawn batches.
FLAGS = {
    "depth": 10,
    "width": 1,
    "batch_size": 8,
    "nb_epochs": 4,
    "validation_split": 0.25,
    "dropout": 0.2,
    "opt": "adamw",
    "schedule": "cosine",
    "warmup_epochs": 1.0,
    "ema": 0.9,
    "aug": "strong",
}
COURSE = ["faces_per_second", "data_wait"]


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    return write_database(tmp_path_factory.mktemp("database") / "wiki.mat")


@pytest.fixture(scope="module")
def whole(database, tmp_path_factory):
    """The folder of a run that was never stopped."""
    folder = tmp_path_factory.mktemp("whole")
    train(Arguments([database], folder, **FLAGS))
    return folder


def as_flags(arguments: dict) -> list[str]:
    return [text for name, value in arguments.items() for text in (f"--{name}", str(value))]


@pytest.fixture(scope="module")
def killed(database, tmp_path_factory):
    """The folder of a run that was killed in its third epoch, and then resumed."""
    folder = tmp_path_factory.mktemp("killed")
    command = [sys.executable, ROOT / "train.py", "-i", database, "--output_path", folder]
    with subprocess.Popen([*command, *as_flags(FLAGS)], stdout=subprocess.PIPE, text=True) as run:
        for line in run.stdout:
            if line.startswith("Epoch 3/"):
                break
        run.send_signal(signal.SIGKILL)
    assert len(pd.read_csv(folder / "history.csv")) < 4
    train(Arguments([database], folder, resume=True, **FLAGS))
    return folder


def test_a_run_that_was_killed_ends_with_the_same_history(whole, killed):
    one, other = (pd.read_csv(folder / "history.csv") for folder in (whole, killed))
    assert one["epoch"].tolist() == [1, 2, 3, 4]
    pd.testing.assert_frame_equal(one.drop(columns=COURSE), other.drop(columns=COURSE), rtol=1e-5)


def test_a_run_that_was_killed_ends_with_the_same_weights(whole, killed):
    with h5py.File(whole / "state.hdf5") as one, h5py.File(killed / "state.hdf5") as other:
        assert list(one) == list(other)
        for name in one:
            np.testing.assert_allclose(one[name][()], other[name][()], rtol=1e-5, atol=1e-5)


def test_a_run_that_was_killed_leaves_the_same_files(whole, killed):
    assert names(whole) == names(killed)
    for path in whole.glob("weights.*"):
        one, other = (load_checkpoint(folder / path.name)[0] for folder in (whole, killed))
        for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


def test_a_run_that_is_done_has_nothing_left_to_do(database, whole):
    before = (whole / "history.csv").read_bytes()
    trained = train(Arguments([database], whole, resume=True, **FLAGS))
    assert trained.best_file in set(whole.glob("weights.*"))
    assert (whole / "history.csv").read_bytes() == before


@pytest.mark.parametrize(
    "changed, words",
    [
        ({"batch_size": 16}, "--resume: expected --batch_size 8, .* received 16"),
        ({"aug": None}, "--resume: expected --aug strong, .* received None"),
        ({"seed": 1}, "--resume: expected --seed 0, .* received 1"),
    ],
)
def test_a_run_goes_on_as_it_began_or_not_at_all(database, whole, changed, words):
    before = (whole / "arguments.json").read_bytes()
    with pytest.raises(UserError, match=words):
        train(Arguments([database], whole, resume=True, **FLAGS | changed))
    assert (whole / "arguments.json").read_bytes() == before


def test_a_run_goes_on_with_the_faces_it_began_with(database, whole, tmp_path, monkeypatch):
    other = write_database(tmp_path / "wiki.mat", count=40)
    other.replace(database.with_name("other.mat"))
    database.rename(database.with_name("kept.mat"))
    database.with_name("other.mat").rename(database)
    try:
        with pytest.raises(UserError, match=r"--resume: expected the 24 faces .* 30"):
            train(Arguments([database], whole, resume=True, **FLAGS))
    finally:
        database.with_name("kept.mat").replace(database)


def test_resume_begins_where_there_is_no_run(database, tmp_path):
    train(Arguments([database], tmp_path / "new", resume=True, **FLAGS | {"nb_epochs": 2}))
    assert len(pd.read_csv(tmp_path / "new" / "history.csv")) == 2


def test_a_state_of_another_network_is_refused(database, whole, tmp_path):
    (tmp_path / "run").mkdir()
    for name in ("state.hdf5", "history.csv"):
        (tmp_path / "run" / name).write_bytes((whole / name).read_bytes())
    arguments = (whole / "arguments.json").read_text().replace('"width": 1', '"width": 2')
    arguments = arguments.replace(str(whole), str(tmp_path / "run"))
    (tmp_path / "run" / "arguments.json").write_text(arguments)
    with pytest.raises(UserError, match=r"state.hdf5: expected the state of wide_resnet"):
        train(Arguments([database], tmp_path / "run", resume=True, **FLAGS | {"width": 2}))


def test_ctrl_c_says_how_to_go_on(database, tmp_path):
    command = [sys.executable, ROOT / "train.py", "-i", database, "--output_path", tmp_path]
    flags = as_flags(FLAGS | {"nb_epochs": 100_000})
    how = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([*command, *flags], preexec_fn=heed_ctrl_c, **how) as run:
        latest = time.monotonic() + 300
        while not (tmp_path / "state.hdf5").exists() and time.monotonic() < latest:
            time.sleep(0.05)
        run.send_signal(signal.SIGINT)
        _, errors = run.communicate(timeout=120)
    assert run.returncode == 130
    [line] = errors.splitlines()
    assert line.startswith("train.py: interrupted: ")
    assert f"--resume {tmp_path}" in line
    done = pd.read_csv(tmp_path / "history.csv")["epoch"].iloc[-1]
    with h5py.File(tmp_path / "state.hdf5") as file:
        assert 0 <= done - file.attrs["epochs"] <= 1
