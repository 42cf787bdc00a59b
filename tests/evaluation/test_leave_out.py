"""src/evaluation/leave_out.py: a round on two small databases, and what each run monitors."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from src.data.database import open_database
from src.errors import UserError
from src.evaluation import leave_out as leaving
from src.evaluation.leave_out import leave_out, matrix, without
from src.faces.crop import FaceCrop
from src.labels import age_interval, expected_age
from src.models import build_model
from src.models.checkpoints import load_checkpoint, save_checkpoint
from src.models.description import Description
from src.training.arguments import Arguments
from tests.helpers import made_database, write_database

PATHS = {name: Path(f"{name}.mat") for name in ("wiki", "utkface", "fairface")}


@pytest.fixture(scope="module")
def complete(tmp_path_factory):
    """Arguments and rows of a round on faces of 20 and of 60 years."""
    folder = tmp_path_factory.mktemp("round")
    paths = [
        write_database(folder / f"{db}.mat", count=16, db=db, age=np.full(16, age), seed=age)
        for db, age in (("wiki", 20), ("utkface", 60))
    ]
    arguments = Arguments(
        paths, folder / "round", arch="small_cnn", batch_size=4, nb_epochs=1, lr=0.05,
        validation_split=0.25, test_split=0.25, leave_out="all",
    )  # fmt: skip
    return arguments, leave_out(arguments)


def test_round_writes_matrix(complete):
    arguments, rows = complete
    read = pd.read_csv(arguments.output_path / "leave_out.csv")
    pd.testing.assert_frame_equal(read, rows)
    assert rows[["trained_without", "tested_on", "part", "faces"]].values.tolist() == [
        ["wiki", "wiki", "all", 16],
        ["wiki", "utkface", "test", 4],
        ["utkface", "wiki", "test", 4],
        ["utkface", "utkface", "all", 16],
    ]
    lines = (arguments.output_path / "leave_out.md").read_text().splitlines()
    assert lines == matrix(rows).splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert cells[0] == ["trained without", "wiki", "utkface"]
    assert [line[0] for line in cells[2:]] == ["wiki", "utkface"]
    mae, gender, coverage = rows.loc[0, ["age_mae", "gender_accuracy", "coverage"]]
    assert cells[2][1] == f"**{mae:.2f}, {100 * gender:.1f} %, {100 * coverage:.0f} %**"
    assert not cells[2][2].startswith("*")
    [best] = (arguments.output_path / "without_wiki").glob("weights.*")
    model, description = load_checkpoint(best)
    assert [part["db"] for part in description.data] == ["utkface"]
    unseen = open_database(arguments.input[0])
    gender, age = model.predict(unseen.image, verbose=0)
    assert rows["age_mae"][0] == pytest.approx(np.abs(expected_age(age) - 20).mean(), rel=1e-4)
    low, high = age_interval(age)
    assert rows["coverage"][0] == ((low <= 20) & (20 <= high)).mean()
    assert rows["gender_accuracy"][0] == (gender.argmax(axis=1) == unseen.gender).mean()


def test_resumed_round(complete):
    """Complete runs are evaluated only, the missing one is trained."""
    arguments, rows = complete
    [weights] = (arguments.output_path / "without_wiki").glob("weights.*")
    before = weights.stat().st_mtime_ns
    shutil.rmtree(arguments.output_path / "without_utkface")
    again = leave_out(replace(arguments, resume="auto"))
    pd.testing.assert_frame_equal(again, rows, rtol=1e-3)
    assert weights.stat().st_mtime_ns == before


def test_left_out_database_is_not_monitored():
    monitor = "val_wiki_pred_age_mae:2,val_utkface_pred_age_mae,val_fairface_pred_age_mae"
    arguments = Arguments(list(PATHS.values()), monitor=monitor, leave_out="all")
    run = without(arguments, PATHS, "utkface")
    assert run.monitor_weights == {"val_wiki_pred_age_mae": 2, "val_fairface_pred_age_mae": 1}
    assert run.input == [PATHS["wiki"], PATHS["fairface"]]
    two = {name: PATHS[name] for name in ("wiki", "utkface")}
    assert without(arguments, two, "utkface").monitor == "val_pred_age_mae"
    assert without(Arguments([*two.values()]), two, "wiki").monitor == "val_loss"


def test_init_that_saw_the_database(tmp_path):
    """Otherwise the network would have seen the faces."""
    paths = [write_database(tmp_path / f"{db}.mat", db=db) for db in ("wiki", "utkface")]
    architecture = {"name": "small_cnn"}
    description = Description(architecture, FaceCrop(16), data=[{"db": "utkface"}])
    save_checkpoint(tmp_path / "w.hdf5", build_model(architecture, 16), description)
    start = Arguments(paths, tmp_path / "round", init=str(tmp_path / "w.hdf5"), leave_out="all")
    with pytest.raises(UserError, match=r"--init: .*utkface.*w\.hdf5 .* 32 of its 32 faces"):
        leave_out(start)
    assert not (tmp_path / "round").exists()


def test_faces_in_other_databases_are_skipped(tmp_path, capsys):
    """80 of 100 are another database's images; 2 more show one of its persons."""
    rng = np.random.default_rng(0)
    faces = rng.integers(0, 256, (120, 16, 16, 3), np.uint8)
    databases = {}
    for name, rows in (("a", np.arange(100)), ("b", np.arange(20, 120))):
        person = np.array([f"p{row}" if row < 5 else "" for row in range(100)])
        databases[name] = replace(made_database(faces[rows], rows % 2, rows, rows), person=person)
    databases["b"].person[:] = ""
    databases["b"].person[90:92] = "p1", "p2"
    assert leaving._unseen(databases, "a").tolist() == [0, 3, 4, *range(5, 20)]
    assert "82 faces" in capsys.readouterr().out
    with pytest.raises(UserError, match="--leave_out: expected faces of a alone"):
        leaving._unseen({"a": databases["a"], "copy": databases["a"]}, "a")


@pytest.mark.parametrize("name, count", [("imdb", 2), ("all", 1)])
def test_unknown_databases_are_named(tmp_path, name, count):
    paths = [write_database(tmp_path / f"{db}.mat", db=db) for db in ("wiki", "utkface")]
    with pytest.raises(UserError, match=f"--leave_out: .*{name}"):
        leave_out(Arguments(paths[:count], tmp_path / "round", leave_out=name))
