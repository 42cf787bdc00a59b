"""Output folder, tables of the console, and model card of an evaluation."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from src.errors import UserError
from src.evaluation.evaluate import evaluate
from src.evaluation.labelled import from_databases
from src.evaluation.output import (
    folder_output,
    free_folder,
    split_card,
    write_card,
    write_results,
)
from src.evaluation.tables import console, skipped
from src.outputs import check_outputs
from tests.evaluation.colour_model import ColourModel
from tests.evaluation.test_evaluate import write
from tests.helpers import names

NAN = np.nan
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
COMMAND = "python evaluate.py --card README.md"
ABOUT, TERMS = f"# Weights\n\n{BEGIN}\n", f"{END}\n\nResearch only.\n"


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
    faces = from_databases([one, two], "all")
    return evaluate(faces, models, resamples=20, arguments={"input": [one], "resamples": 20})


def test_json_and_csv_hold_all_metrics(results, tmp_path):
    folder = tmp_path / "out"
    check_outputs([folder_output(folder)], [])
    write_results(folder, results)
    assert names(tmp_path) == {"out"}
    assert names(folder) == {"results.json", "results.csv", "report.html"}
    stored = json.loads((folder / "results.json").read_text())
    assert [model["model"] for model in stored["models"]] == ["ours", "theirs"]
    assert stored["arguments"]["input"][0].endswith("one.mat")
    table = pd.read_csv(folder / "results.csv")
    assert list(table) == ["model", "subgroup", "metric", "value", "low", "high", "n"]
    pd.testing.assert_frame_equal(table, results.table, check_dtype=False)
    pd.testing.assert_frame_equal(pd.DataFrame(stored["metrics"]), table, check_dtype=False)
    assert not table.duplicated(["model", "subgroup", "metric"]).any()
    constant = "baseline: 20 years, male (evaluated faces)"
    assert set(table["model"]) == {"ours", "theirs", "theirs - ours", constant}
    known = table.dropna()
    assert ((known["low"] <= known["value"]) & (known["value"] <= known["high"])).all()


@pytest.mark.parametrize("name", ["thesis.tex", "results.csv", "results.json", "report.html"])
def test_force_spares_other_files(tmp_path, name):
    (tmp_path / name).write_text("mine")
    assert free_folder(tmp_path, force=False) == tmp_path
    for path in (tmp_path, tmp_path / name, tmp_path / "nowhere" / "out"):
        with pytest.raises(UserError):
            check_outputs([folder_output(path)], [])


def test_tables_mark_few_faces(results):
    lines = console(results).splitlines()
    mae, _ = (line for line in lines if line.startswith("mean absolute error"))
    assert mae.split()[-1] == "32" and "*" not in mae
    women = next(line for line in lines if line.startswith("gender female"))
    assert women.split()[2:4] == ["ours", "2"] and "3.00*" in women
    assert any("theirs - ours" in line for line in lines)


def test_skipped_images_are_listed(results):
    evaluation = results.evaluations[0]
    assert skipped(evaluation) == ""
    missing = [(f"{i}.jpg", "image missing") for i in range(25)]
    lines = skipped(replace(evaluation, skipped=missing)).splitlines()
    assert lines[:2] == ["25 of 60 images skipped:", "0.jpg: image missing"]
    assert lines[-1] == "and 5 more" and len(lines) == 22


def tables(content: str) -> dict[str, dict[tuple[str, ...], list[str]]]:
    """Cells by heading, and by the first cells of a row."""
    found = {}
    for section in content.split("### ")[1:]:
        heading, _, *lines = section.splitlines()
        rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")]
        rows = [[cell.strip() for cell in row] for row in rows]
        found[heading] = {(row[0], row[1]): row[2:] for row in rows}
    return found


def test_sections_and_cells_of_card(results, tmp_path):
    card = tmp_path / "README.md"
    card.write_text(f"{ABOUT}old figures\n{TERMS}")
    split_card(card)
    write_card(card, results, COMMAND)
    content = card.read_text()
    assert content.startswith(ABOUT) and content.endswith(TERMS)
    assert "old figures" not in content and COMMAND in content
    assert names(tmp_path) == {"README.md"}
    found = tables(content)
    kinds = ["By age", "Children", "By gender", "By group", "By age and gender"]
    assert list(found) == ["All faces", "theirs - ours", "By use in training", *kinds]
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
    write_card(card, results, COMMAND)
    assert card.read_text() == content


@pytest.mark.parametrize(
    "content",
    [
        *("# Weights\n", ABOUT, TERMS, TERMS + ABOUT),
        *(ABOUT + TERMS + ABOUT + TERMS, ABOUT + ABOUT + TERMS, None),
    ],
)
def test_marks_are_required_once(results, tmp_path, content):
    card = tmp_path / "README.md"
    if content:
        card.write_text(content)
    for act in (split_card, lambda path: write_card(path, results, COMMAND)):
        with pytest.raises(UserError, match=r"--card.*README\.md"):
            act(card)
    assert card.exists() == bool(content) and (not content or card.read_text() == content)


def test_sections_of_card_are_apart(results, tmp_path):
    card, begin = tmp_path / "README.md", "<!-- pictures: begin -->"
    card.write_text(ABOUT + TERMS + f"{begin}\n<!-- pictures: end -->\n")
    without = [replace(each, skipped=[("a.jpg", "no face found")]) for each in results.evaluations]
    write_card(card, replace(results, evaluations=without), COMMAND, "pictures")
    before, _, after = card.read_text().partition(begin)
    assert before == ABOUT + TERMS
    assert "### All faces" in after and "ours: 1 of 35 images" in after
