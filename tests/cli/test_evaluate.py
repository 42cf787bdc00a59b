"""evaluate.py, within this process."""

import json
import shutil
from contextlib import redirect_stderr, redirect_stdout
from functools import partial
from io import BytesIO, TextIOWrapper
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from src.data.database import open_database
from src.faces.crop import FaceCrop
from src.models import build_model
from src.models.checkpoints import Description, load_checkpoint, save_checkpoint
from tests.helpers import assert_one_line_error, exit_code, names, write_database

ARCHITECTURE = {"name": "small_cnn"}
TRAINING = {"age_mean": 35.0, "age_median": 36.0, "male_share": 0.7}


def write_model(path, **values):
    description = Description(ARCHITECTURE, FaceCrop(16), **values)
    save_checkpoint(path, build_model(ARCHITECTURE, 16), description)
    return path


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    """Two untrained models on a database of the original toolkit: dark women, bright men."""
    folder = tmp_path_factory.mktemp("evaluated")
    database = write_database(folder / "wiki.mat", count=50)
    models = [write_model(folder / "a.hdf5", training=TRAINING), write_model(folder / "b.hdf5")]
    command = ("--input", database, "--weight_file", *models, "--output", folder / "out")
    out, errors = (TextIOWrapper(BytesIO(), encoding="utf-8") for _ in range(2))
    with redirect_stdout(out), redirect_stderr(errors):
        assert exit_code("evaluate.py", *command, "--resamples", 50) == 0
    for stream in (out, errors):
        stream.seek(0)
    done = SimpleNamespace(stdout=out.read(), stderr=errors.read())
    return SimpleNamespace(folder=folder, database=database, models=models, done=done)


def test_metrics_of_networks(evaluated):
    database = open_database(evaluated.database)
    table = pd.read_csv(evaluated.folder / "out" / "results.csv")
    table = table.set_index(["model", "subgroup", "metric"])
    for path in evaluated.models:
        network, _ = load_checkpoint(path)
        gender, age = network.predict(database.image[np.arange(50)], verbose=0)
        errors = np.abs(age @ np.arange(101) - database.age_low)
        men = database.gender == 1
        expected = {
            ("all", "mae"): errors.mean(),
            ("gender male", "mae"): errors[men].mean(),
            ("age 20-29", "mae"): errors[~men].mean(),
            ("all", "gender_accuracy"): (gender.argmax(axis=1) == database.gender).mean(),
        }
        for (subgroup, metric), value in expected.items():
            found = table.loc[(path.name, subgroup, metric)]
            assert found["value"] == pytest.approx(value, abs=1e-3)
            assert found["low"] <= found["value"] <= found["high"]
    difference = table.loc[("b.hdf5 - a.hdf5", "all", "mae"), "value"]
    values = [table.loc[(name, "all", "mae"), "value"] for name in ("b.hdf5", "a.hdf5")]
    assert difference == pytest.approx(values[0] - values[1])


def test_files_and_printed_tables(evaluated):
    assert names(evaluated.folder) == {"wiki.mat", "a.hdf5", "b.hdf5", "out"}
    files = {"results.json", "results.csv", "results.md", "report.html"}
    assert names(evaluated.folder / "out") == files
    stored = json.loads((evaluated.folder / "out" / "results.json").read_text())
    assert stored["arguments"]["weight_file"] == [str(path) for path in evaluated.models]
    assert [model["faces"] for model in stored["models"]] == [50, 50]
    for words in (
        *("baseline: 36 years, male", "baseline: 40 years, male", "(training faces)"),
        *("(evaluated faces)", "mean absolute error, years", "age 20-29", "gender female"),
    ):
        assert words in evaluated.done.stdout
    report = evaluated.folder / "out" / "report.html"
    assert evaluated.done.stdout.splitlines()[-1] == f"report: {report}"
    assert evaluated.done.stderr == "50 of 50 faces\n" * 2


@pytest.fixture
def evaluate(run_here):
    return partial(run_here, "evaluate.py")


def test_second_evaluation_of_a_folder(evaluated, evaluate, tmp_path):
    """It is numbered; predictions are written."""
    shutil.copytree(evaluated.folder / "out", tmp_path / "out")
    before = (tmp_path / "out" / "results.json").read_bytes()
    command = ("--input", evaluated.database, "--output", tmp_path / "out", "--resamples", 20)
    files = ("--predictions", tmp_path / "faces.csv")
    done = evaluate(*command, "--weight_file", *evaluated.models, *files)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(f"report: {tmp_path / 'out-2' / 'report.html'}\n")
    assert (tmp_path / "out" / "results.json").read_bytes() == before
    faces = pd.read_csv(tmp_path / "faces.csv")
    assert faces.groupby("model").size().to_dict() == {"a.hdf5": 50, "b.hdf5": 50}
    ages = faces[[f"p{age}" for age in range(101)]].sum(axis=1).to_numpy()
    assert ages == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ([], ["--input", "--image_csv"]),
        (["--input", "a.mat", "--image_csv", "a.csv"], ["--input", "--image_csv"]),
        (["--image_csv", "a.csv", "--part", "training"], ["--part", "--input"]),
        (["--input", "DATABASE", "--part", "validation"], ["--part", "all"]),
        (["--input", "DATABASE", "--weight_file", "DATABASE"], ["wiki.mat"]),
        (["--input", "DATABASE", "--predictions", "DATABASE"], ["--predictions", "wiki.mat"]),
    ],
)
def test_bad_input_leaves_nothing(evaluated, evaluate, tmp_path, args, words):
    made = {"DATABASE": evaluated.database, "MODEL": evaluated.models[0]}
    before = names(tmp_path)
    given = [made.get(arg, arg) for arg in args]
    done = evaluate(*given, "--output", tmp_path / "out")
    assert_one_line_error(done, "evaluate.py", *words)
    assert names(tmp_path) == before
