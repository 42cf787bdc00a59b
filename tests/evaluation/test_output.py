"""Output folder and text tables of an evaluation."""

import json
from dataclasses import replace

import pandas as pd
import pytest

from src.errors import UserError
from src.evaluation import output
from src.evaluation.evaluate import evaluate
from src.evaluation.labelled import from_databases
from src.evaluation.output import folder_output, free_folder, write_results
from src.evaluation.tables import console, skipped
from src.outputs import check_outputs
from tests.evaluation.colour_model import ColourModel
from tests.helpers import names, write_database


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """32 dark women of 20 and bright men of 60, 16 each, by two models."""
    path = write_database(tmp_path_factory.mktemp("db") / "wiki.mat")
    faces = from_databases([path], "all")
    models = {"one": ColourModel(16), "other": ColourModel(16)}
    return evaluate(faces, models, resamples=20, arguments={"input": [path]})


def test_json_and_csv_hold_all_metrics(results, tmp_path):
    folder = tmp_path / "out"
    check_outputs([folder_output(folder)], [])
    write_results(folder, results)
    assert names(tmp_path) == {"out"}
    assert names(folder) == {"results.json", "results.csv", "report.html"}
    stored = json.loads((folder / "results.json").read_text())
    assert [model["model"] for model in stored["models"]] == ["one", "other"]
    assert stored["arguments"]["input"][0].endswith("wiki.mat")
    [mae] = [
        row["value"]
        for row in stored["metrics"]
        if (row["model"], row["subgroup"], row["metric"]) == ("one", "all", "mae")
    ]
    assert mae == pytest.approx(results.evaluations[0].measures["error"].abs().mean())
    table = pd.read_csv(folder / "results.csv")
    assert list(table) == ["model", "subgroup", "metric", "value", "low", "high", "n"]
    pd.testing.assert_frame_equal(table, results.table.reset_index(drop=True), check_dtype=False)
    assert not table.duplicated(["model", "subgroup", "metric"]).any()
    assert {"one", "other", "other - one", "baseline: 40 years, male (evaluated faces)"} == set(
        table["model"]
    )
    assert ((table["low"] <= table["value"]) & (table["value"] <= table["high"])).all()


def test_existing_evaluation_is_followed(results, tmp_path):
    """By out-2, out-3; --force replaces it, also one of version 0.2."""
    out = tmp_path / "out"
    assert free_folder(out, force=False) == out
    write_results(out, results)
    assert free_folder(out, force=False) == tmp_path / "out-2"
    (tmp_path / "out-2").mkdir()
    assert free_folder(out, force=False) == tmp_path / "out-3"
    assert free_folder(out, force=True) == out
    (out / "report.html").unlink()
    (out / "results.csv").write_text("model,slice,figure\nstale")
    check_outputs([folder_output(out)], [])
    write_results(tmp_path / "out", results)
    assert "stale" not in (tmp_path / "out" / "results.csv").read_text()


@pytest.mark.parametrize("name", ["thesis.tex", "results.csv", "results.json", "report.html"])
def test_force_spares_other_files(tmp_path, name):
    (tmp_path / name).write_text("mine")
    assert free_folder(tmp_path, force=False) == tmp_path
    with pytest.raises(UserError, match=f"--output: .*{tmp_path}"):
        check_outputs([folder_output(tmp_path)], [])


def test_impossible_output_folders(tmp_path):
    (tmp_path / "file").touch()
    for name in ("file", "nowhere/out", "/"):
        with pytest.raises(UserError):
            check_outputs([folder_output(tmp_path / name)], [])


def test_failure_keeps_earlier_evaluation(results, tmp_path, monkeypatch):
    write_results(tmp_path / "out", results)
    before = (tmp_path / "out" / "results.csv").read_bytes()
    monkeypatch.setattr(output, "write_report", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_results(tmp_path / "out", results)
    assert names(tmp_path) == {"out"}
    assert (tmp_path / "out" / "results.csv").read_bytes() == before


def test_tables_mark_few_faces(results):
    lines = console(results).splitlines()
    mae, _ = (line for line in lines if line.startswith("mean absolute error"))
    assert mae.split()[-1] == "32"
    assert "*" not in mae
    [women] = [line for line in lines if line.startswith("gender female")][:1]
    assert women.split()[2:4] == ["one", "16"]
    assert "* [" in women
    assert any("other - one" in line for line in lines)


def test_skipped_images_are_listed(results):
    evaluation = results.evaluations[0]
    assert skipped(evaluation) == ""
    missing = [(f"{i}.jpg", "image missing") for i in range(25)]
    lines = skipped(replace(evaluation, skipped=missing)).splitlines()
    assert lines[:2] == ["25 of 57 images skipped:", "0.jpg: image missing"]
    assert lines[-1] == "and 5 more"
    assert len(lines) == 22
