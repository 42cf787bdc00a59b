"""Output folder, and tables of the console and of model cards."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from src.evaluation.evaluate import evaluate
from src.evaluation.labelled import from_databases
from src.evaluation.output import free_folder, write_results
from src.evaluation.tables import console, markdown
from tests.evaluation.colour_model import ColourModel
from tests.evaluation.test_evaluate import write
from tests.helpers import names

NAN = np.nan


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """31 men of 20 and a girl of 12, estimated as 22 and 15; three children of 3 to 9, one of
    unknown gender, estimated as 12; the model was trained with the first."""
    folder = tmp_path_factory.mktemp("databases")
    ages = [20] * 31 + [12]
    one = write(folder / "one.mat", ages, [1] * 31 + [0], ["x"] * 32, estimated=[22] * 31 + [15])
    high, groups = np.full(3, 9), ["a|b"] * 3
    two = write(folder / "two.mat", [3] * 3, [1, 0, NAN], groups, estimated=[12] * 3, age_high=high)
    models = {"ours": ColourModel(), "theirs": ColourModel()}
    models["ours"].description.data = [{"db": "one", "file": "other.mat"}]
    models["theirs"].description.calibration = {"faces": 4621}
    faces = from_databases([one, two], "all")
    return evaluate(faces, models, resamples=20, arguments={"input": [one], "resamples": 20})


def test_json_and_csv_hold_all_metrics(results, tmp_path):
    folder = tmp_path / "out"
    write_results(folder, results)
    assert names(tmp_path) == {"out"}
    assert names(folder) == {"results.json", "results.csv", "results.md", "report.html"}
    stored = json.loads((folder / "results.json").read_text())
    assert [model["model"] for model in stored["models"]] == ["ours", "theirs"]
    assert stored["arguments"]["input"][0].endswith("one.mat")
    table = pd.read_csv(folder / "results.csv")
    assert list(table) == ["model", "subgroup", "metric", "value", "low", "high", "n"]
    pd.testing.assert_frame_equal(table, results.table, check_dtype=False)
    assert not table.duplicated(["model", "subgroup", "metric"]).any()
    constant = "baseline: 20 years, male (evaluated faces)"
    assert set(table["model"]) == {"ours", "theirs", "theirs - ours", constant}
    known = table.dropna()
    assert ((known["low"] <= known["value"]) & (known["value"] <= known["high"])).all()


def test_existing_folders_are_numbered(tmp_path):
    (tmp_path / "empty").mkdir()
    for name in ("out", "out-2"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "thesis.tex").write_text("mine")
    for name, expected in (("new", "new"), ("empty", "empty"), ("out", "out-3")):
        assert free_folder(tmp_path / name) == tmp_path / expected


def test_current_folder_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert free_folder(Path(".")) == tmp_path
    Path("thesis.tex").touch()
    assert free_folder(Path(".")) == Path(f"{tmp_path}-2")


def test_tables_mark_few_faces(results):
    lines = console(results).splitlines()
    mae, _ = (line for line in lines if line.startswith("mean absolute error"))
    assert mae.split()[-1] == "32" and "*" not in mae
    women = next(line for line in lines if line.startswith("gender female"))
    assert women.split()[2:4] == ["ours", "2"] and "3.00*" in women
    assert any("theirs - ours" in line for line in lines)


def tables(content: str) -> dict[str, dict[tuple[str, ...], list[str]]]:
    """Cells by heading, and by the first cells of a row."""
    found = {}
    for section in content.split("### ")[1:]:
        heading, _, *lines = section.splitlines()
        rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")]
        rows = [[cell.strip() for cell in row] for row in rows]
        found[heading] = {(row[0], row[1]): row[2:] for row in rows}
    return found


def test_sections_and_cells_of_card(results):
    content = markdown(results)
    found = tables(content)
    kinds = ["By age", "Children", "By gender", "By group", "By age and gender"]
    assert list(found) == ["All faces", "Differences", "By use in training", *kinds]
    # Errors of 3 years, for the girl and to the end of the range.
    children = found["Children"]["children 0-12", "theirs"]
    assert children[:2] == ["4", "3.00* of 1"]
    assert any(cell.startswith("3.00* [3.00, 3.00] of 3") for cell in children)
    assert found["All faces"]["mean absolute error, years", "2.03 [2.00, 2.09]"]
    assert (r"group a\|b", "ours") in found["By group"]
    assert found["By age and gender"]["age 20-29 x gender male", "ours"][0] == "31"
    assert "*" not in "".join(found["By age"]["age 20-29", "ours"])
    uses = found["By use in training"]  # the second may have another name in the run
    trained, unknown = "use trained on", "use unknown"
    assert [name for name, model in uses if model == "ours"] == [
        *(trained, f"{trained} x source one", unknown, f"{unknown} x source two")
    ]
    _, mae, bias, *_ = uses[f"{trained} x source one", "ours"]
    assert mae.startswith("2.03 [2.00, ") and bias.startswith("+2.03 [")
    assert uses[f"{unknown} x source two", "ours"][0] == "3"
    assert content.splitlines()[-1].startswith("* theirs: temperatures fitted on 4,621 faces")
