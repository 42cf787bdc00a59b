"""src/evaluation/runs.py: several networks on two small databases."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from src.data.database import open_database
from src.errors import UserError
from src.evaluation.labelled import from_databases
from src.evaluation.predictions import read_predictions
from src.evaluation.runs import matrix, plan, train_runs, unseen_faces
from src.faces.crop import FaceCrop
from src.labels import age_interval, expected_age
from src.models import build_model
from src.models.checkpoints import load_checkpoint, save_checkpoint
from src.models.description import Description
from src.training.arguments import Arguments
from tests.helpers import write_database, write_our_database

PATHS = {name: Path(f"{name}.mat") for name in ("wiki", "utkface", "fairface")}


@pytest.fixture(scope="module")
def complete(tmp_path_factory):
    """Arguments and rows of --leave_out on faces of 20 and of 60 years."""
    folder = tmp_path_factory.mktemp("runs")
    paths = [
        write_database(folder / f"{db}.mat", count=16, db=db, age=np.full(16, age), seed=age)
        for db, age in (("wiki", 20), ("utkface", 60))
    ]
    arguments = Arguments(
        paths, folder / "runs", arch="small_cnn", batch_size=4, nb_epochs=1, lr=0.05,
        validation_split=0.25, test_split=0.25, leave_out="all",
    )  # fmt: skip
    train_runs(arguments)
    return arguments, pd.read_csv(arguments.output_path / "leave_out.csv")


def test_metrics_of_every_run(complete):
    arguments, rows = complete
    assert rows[["run", "tested_on", "part", "faces"]].values.tolist() == [
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


def test_resumed_runs(complete):
    """Complete runs are evaluated only, the missing one is trained."""
    arguments, rows = complete
    [weights] = (arguments.output_path / "without_wiki").glob("weights.*")
    before = weights.stat().st_mtime_ns
    shutil.rmtree(arguments.output_path / "without_utkface")
    train_runs(replace(arguments, resume="auto"))
    again = pd.read_csv(arguments.output_path / "leave_out.csv")
    pd.testing.assert_frame_equal(again, rows, rtol=1e-3)
    assert weights.stat().st_mtime_ns == before


def test_predictions_out_of_fold(complete, tmp_path):
    """Every face has one prediction, of the network that was not trained on it."""
    arguments = replace(complete[0], output_path=tmp_path, leave_out=None, test_split=0.0, folds=3)
    train_runs(arguments)
    table, estimates = read_predictions(tmp_path / "out_of_fold.csv")
    assert sorted(zip(table["source"], table["row"], strict=True)) == [
        (db, row) for db in ("utkface", "wiki") for row in range(16)
    ]
    for fold in range(3):
        [best] = (tmp_path / f"fold_{fold}").glob("weights.*")
        model, description = load_checkpoint(best)
        for path in arguments.input:
            database = open_database(path)
            parts = description.identities.parts_of(database.identity_kind, database.identities)
            own = (table["model"] == f"fold {fold}") & (table["source"] == database.db)
            rows = np.sort(table["row"][own].to_numpy())
            assert rows.tolist() == np.flatnonzero(parts == "test").tolist()
            if len(rows):
                _, age = model.predict(database.image[rows], verbose=0)
                order = np.argsort(table["row"][own].to_numpy())
                found = estimates.age[own.to_numpy()][order]
                np.testing.assert_allclose(found, expected_age(age), rtol=1e-3)


def test_seeds_of_every_run():
    arguments = Arguments([*PATHS.values()], seed=4, leave_out="all", repeat=2)
    found = plan(arguments, PATHS)
    assert [(name, run.seed) for name, run in found] == [
        (n, seed) for n in PATHS for seed in (4, 5)
    ]
    _, run = found[1]
    assert run.output_path == Path("checkpoints/without_wiki/seed_5")
    assert run.input == [PATHS["utkface"], PATHS["fairface"]] and not run.trains_many


def test_means_and_deviations_of_seeds():
    rows = pd.DataFrame({"run": "all", "seed": [0, 1, 2], "tested_on": "wiki",
                         "age_mae": [4.0, 5, 6], "gender_accuracy": [0.9, 0.92, 0.94],
                         "coverage": np.nan})  # fmt: skip
    assert "| 5.00 ± 1.00, 92.0 % ± 2.0 %, - |" in matrix(rows)


def test_monitor_of_one_database():
    """It cannot be monitored when it is left out."""
    arguments = Arguments([*PATHS.values()], monitor="val_wiki_pred_age_mae:2", leave_out="all")
    with pytest.raises(UserError, match=r"--leave_out.*--monitor.*val_pred_age_mae"):
        plan(arguments, PATHS)
    assert plan(replace(arguments, monitor="val_pred_age_mae"), PATHS)


def test_init_that_saw_the_database(tmp_path):
    """Otherwise the network would have seen the faces."""
    paths = [write_database(tmp_path / f"{db}.mat", db=db) for db in ("wiki", "utkface")]
    architecture = {"name": "small_cnn"}
    description = Description(architecture, FaceCrop(16), data=[{"db": "utkface"}])
    save_checkpoint(tmp_path / "w.hdf5", build_model(architecture, 16), description)
    start = Arguments(paths, tmp_path / "round", init=str(tmp_path / "w.hdf5"), leave_out="all")
    with pytest.raises(UserError, match=r"--init: .*w\.hdf5 .* of utkface"):
        train_runs(start)
    assert not (tmp_path / "round").exists()


def test_init_of_unknown_data_is_reported(tmp_path, capsys):
    """Files of the original toolkit do not store which faces trained them."""
    faces = from_databases([write_database(tmp_path / "wiki.mat")])
    unseen_faces(faces, Arguments([], init=str(tmp_path / "weights.h5")))
    assert "weights.h5 may have been trained on these faces" in capsys.readouterr().out


def test_faces_in_other_databases_are_skipped(tmp_path, capsys):
    """80 of 100 are another database's images; 2 more show one of its persons."""
    faces = np.random.default_rng(0).integers(0, 256, (120, 16, 16, 3), np.uint8)
    persons = np.array([f"p{row}" if row < 5 else "" for row in range(100)])
    others = np.full(100, "", "U2")
    others[90:92] = "p1", "p2"
    paths = []
    for name, rows, person in (("a", np.arange(100), persons), ("b", np.arange(20, 120), others)):
        columns = {"path": [f"{name}{row}.jpg" for row in rows], "person": person, "group": ""}
        columns |= {"gender": rows % 2.0, "age_low": rows % 90.0, "age_high": rows % 90.0}
        paths.append(tmp_path / f"{name}.mat")
        write_our_database(paths[-1], faces[rows], columns, db=name)
    both = from_databases(paths)
    of_a = replace(both, labels=both.labels[both.labels["source"] == "a"])
    assert unseen_faces(of_a, Arguments([])).tolist() == [0, 3, 4, *range(5, 20)]
    assert "82 faces" in capsys.readouterr().out
    copies = from_databases([paths[0], shutil.copy(paths[0], tmp_path / "copy.mat")])
    with pytest.raises(UserError, match="--leave_out: expected faces of a1 alone"):
        unseen_faces(copies, Arguments([]))


@pytest.mark.parametrize("name, count", [("imdb", 2), ("all", 1)])
def test_unknown_databases_are_named(tmp_path, name, count):
    paths = [write_database(tmp_path / f"{db}.mat", db=db) for db in ("wiki", "utkface")]
    with pytest.raises(UserError, match=f"--leave_out: .*{name}"):
        train_runs(Arguments(paths[:count], tmp_path / "round", leave_out=name))
