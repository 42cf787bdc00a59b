"""src/training/state.py: resumed runs equal uninterrupted ones, or are rejected."""

import signal
import subprocess
import sys

import h5py
import numpy as np
import pandas as pd
import pytest

from src.errors import UserError
from src.models.checkpoints import load_checkpoint
from src.outputs import locked
from src.training.arguments import Arguments
from src.training.fit import train
from tests.helpers import ROOT, names, write_database

# Every kind of state: moments, averages, a schedule per step, dropout, random batches.
FLAGS = {
    "arch": "small_cnn",
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
    """The folder of an uninterrupted run, which --resume begins: nothing precedes it."""
    folder = tmp_path_factory.mktemp("whole")
    train(Arguments([database], folder, resume="auto", **FLAGS))
    return folder


def as_flags(arguments: dict) -> list[str]:
    return [text for name, value in arguments.items() for text in (f"--{name}", str(value))]


@pytest.fixture(scope="module")
def killed(database, tmp_path_factory):
    """The folder of a run killed in its third epoch, and then resumed."""
    folder = tmp_path_factory.mktemp("killed")
    code = "import runpy; import tests.helpers; runpy.run_path('train.py', run_name='__main__')"
    command = [sys.executable, "-c", code, "-i", database, "--output_path", folder]
    with subprocess.Popen(
        [*command, *as_flags(FLAGS)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as run:
        for line in run.stdout:
            if line.startswith("Epoch 3/"):
                break
        run.send_signal(signal.SIGKILL)
    assert len(pd.read_csv(folder / "history.csv")) < 4
    train(Arguments([database], folder, resume="auto", **FLAGS))
    return folder


def test_resume_after_kill(whole, killed):
    """History, weights, moments and names of files are those of the uninterrupted run."""
    one, other = (pd.read_csv(folder / "history.csv") for folder in (whole, killed))
    assert one["epoch"].tolist() == [1, 2, 3, 4]
    pd.testing.assert_frame_equal(one.drop(columns=COURSE), other.drop(columns=COURSE), rtol=1e-5)
    assert names(whole) == names(killed)
    with h5py.File(whole / "state.hdf5") as one, h5py.File(killed / "state.hdf5") as other:
        assert list(one) == list(other)
        for name in one:
            np.testing.assert_allclose(one[name][()], other[name][()], rtol=1e-5, atol=1e-5)


def test_complete_run_is_not_continued(database, whole):
    before = (whole / "history.csv").read_bytes()
    trained = train(Arguments([database], whole, resume="auto", **FLAGS))
    assert trained.best_file in set(whole.glob("weights.*"))
    assert (whole / "history.csv").read_bytes() == before


@pytest.mark.parametrize("epochs", [1, 3])
def test_cosine_schedule_keeps_its_length(epochs):
    """Its rate would rise when a killed run resumes, as when a complete one does."""
    recorded = Arguments([], **FLAGS).as_json()
    with pytest.raises(UserError, match=r"--nb_epochs 8: .*cosine.* 4 epochs.*--init"):
        Arguments([], **FLAGS | {"nb_epochs": 8}).check_same(recorded, epochs)


def test_other_arguments_are_rejected(database, whole):
    before = (whole / "arguments.json").read_bytes()
    with pytest.raises(UserError, match=r"--resume: .*--batch_size 8, .* 16"):
        train(Arguments([database], whole, resume="auto", **FLAGS | {"batch_size": 16}))
    assert (whole / "arguments.json").read_bytes() == before


@pytest.mark.parametrize(
    "change",
    [
        {"age": np.full(32, 30)},
        {"gender": np.zeros(32, int)},
        {"image": np.random.default_rng(1).integers(0, 256, (32, 16, 16, 3), np.uint8)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_other_data_are_rejected(whole, tmp_path, change):
    before = names(whole)
    other = write_database(tmp_path / "wiki.mat", **change)
    with pytest.raises(UserError, match=r"--resume: .*other data"):
        train(Arguments([other], whole, resume="auto", **FLAGS))
    assert names(whole) == before


def test_early_stopped_runs_stay_stopped(database, tmp_path):
    monitor = {"monitor": "val_pred_gender_accuracy", "early_stopping": 1}
    flags = FLAGS | monitor | {"lr": 1e-9, "nb_epochs": 9}
    train(Arguments([database], tmp_path / "run", **flags))
    before = (tmp_path / "run" / "history.csv").read_bytes()
    assert before.count(b"\n") < 9
    train(Arguments([database], tmp_path / "run", resume="auto", **flags))
    assert (tmp_path / "run" / "history.csv").read_bytes() == before


def test_resume_ignores_initial_weights(database, whole, tmp_path):
    init = tmp_path / "init.hdf5"
    init.write_bytes(next(whole.glob("weights.*")).read_bytes())
    flags = FLAGS | {"init": str(init), "dropout": None, "warmup_epochs": 0.0, "schedule": "step"}
    train(Arguments([database], tmp_path / "run", **flags | {"nb_epochs": 1}))
    init.unlink()
    resumed = train(
        Arguments([database], tmp_path / "run", resume="auto", **flags | {"nb_epochs": 2})
    )
    assert len(pd.read_csv(tmp_path / "run" / "history.csv")) == 2
    _, description = load_checkpoint(resumed.best_file)
    assert description.architecture["dropout"] == 0.2  # of the initial weights' network


@pytest.mark.parametrize("name", ["state.hdf5", "history.csv", "arguments.json"])
def test_damaged_files_are_named(database, whole, tmp_path, name):
    for path in whole.glob("*.*[!g]"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match=name):
        train(Arguments([database], tmp_path, resume="auto", **FLAGS))


def test_two_runs_in_one_folder(database, tmp_path):
    with locked(tmp_path / "run"), pytest.raises(UserError, match="run: another run"):
        train(Arguments([database], tmp_path / "run", **FLAGS))
    assert names(tmp_path) == set()
