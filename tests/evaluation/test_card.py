"""Tables of a model card."""

from dataclasses import replace

import numpy as np
import pytest

from src.errors import UserError
from src.evaluation.evaluate import evaluate
from src.evaluation.labelled import from_databases
from src.evaluation.output import split_card, write_card
from tests.evaluation.colour_model import ColourModel, face
from tests.helpers import names, write_our_database

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
COMMAND = "python evaluate.py --card README.md"
ABOUT, TERMS = f"# Weights\n\n{BEGIN}\n", f"{END}\n\nResearch only.\n"


def write(path, estimated, ages, genders, group):
    """A database of faces that `ColourModel` estimates as men of `estimated` years."""
    columns = {
        "age_low": [low for low, _ in ages],
        "age_high": [high for _, high in ages],
        "gender": np.array(genders, float),
        "path": [f"{path.stem}/{i}.jpg" for i in range(len(ages))],
        "group": [group] * len(ages),
    }
    write_our_database(path, np.stack([face(age) for age in estimated]), columns, db=path.stem)
    return path


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """31 men of 20 and a girl of 12, estimated as 22 and 15; three children of 3 to 9, one of
    unknown gender, estimated as 12."""
    folder = tmp_path_factory.mktemp("databases")
    one = write(
        folder / "one.mat", [22] * 31 + [15], [(20, 20)] * 31 + [(12, 12)], [1] * 31 + [0], "x"
    )
    two = write(folder / "two.mat", [12] * 3, [(3, 9)] * 3, [1, 0, np.nan], "a|b")
    faces = from_databases([one, two], "all")
    models = {"ours": ColourModel(), "theirs": ColourModel()}
    return evaluate(faces, models, resamples=20, arguments={"resamples": 20})


def tables(content: str) -> dict[str, dict[tuple[str, ...], list[str]]]:
    """Cells by heading, and by the first cells of a row."""
    found = {}
    for section in content.split("### ")[1:]:
        heading, _, *lines = section.splitlines()
        rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")]
        rows = [[cell.strip() for cell in row] for row in rows]
        found[heading] = {(row[0], row[1]): row[2:] for row in rows}
    return found


def test_sections_and_cells(results, tmp_path):
    card = tmp_path / "README.md"
    card.write_text(f"{ABOUT}old figures\n{TERMS}")
    split_card(card)
    write_card(card, results, COMMAND)
    content = card.read_text()
    assert content.startswith(ABOUT)
    assert content.endswith(TERMS)
    assert "old figures" not in content
    assert COMMAND in content
    assert names(tmp_path) == {"README.md"}
    found = tables(content)
    kinds = ["By age", "Children", "By gender", "By group", "By age and gender"]
    assert list(found) == ["All faces", "theirs - ours", "By use in training", *kinds]
    uses = {key[0].partition(" x ")[2]: row for key, row in found["By use in training"].items()}
    _, mae, bias, *_ = uses["source one"]
    assert mae.startswith("2.03 [2.00, ")
    assert bias.startswith("+2.03 [")
    # Errors of 3 years, for the girl and to the end of the range.
    assert found["Children"]["children 0-12", "theirs"][:2] == ["4", "3.00* of 1"]
    assert any(
        cell.startswith("3.00* [3.00, 3.00] of 3")
        for cell in found["Children"]["children 0-12", "theirs"]
    )
    assert uses["source two"][0] == "3"
    assert any(cell.endswith(" of 2") for cell in uses["source two"])
    assert found["All faces"]["mean absolute error, years", "2.03 [2.00, 2.09]"]
    assert (r"group a\|b", "ours") in found["By group"]
    assert found["By age and gender"]["age 20-29 x gender male", "ours"][0] == "31"
    assert "*" not in "".join(found["By age"]["age 20-29", "ours"])


def test_rewriting_changes_nothing(results, tmp_path):
    card = tmp_path / "README.md"
    card.write_text(ABOUT + TERMS)
    write_card(card, results, COMMAND)
    first = card.read_text()
    write_card(card, results, COMMAND)
    assert card.read_text() == first


@pytest.mark.parametrize(
    "content",
    [
        "# Weights\n",
        ABOUT,
        TERMS,
        TERMS + ABOUT,
        ABOUT + TERMS + ABOUT + TERMS,
        ABOUT + ABOUT + TERMS,
    ],
)
def test_marks_are_required_once(results, tmp_path, content):
    card = tmp_path / "README.md"
    card.write_text(content)
    for act in (split_card, lambda path: write_card(path, results, COMMAND)):
        with pytest.raises(UserError, match=r"--card.*README\.md"):
            act(card)
    assert card.read_text() == content


def test_sections_are_apart(results, tmp_path):
    card = tmp_path / "README.md"
    begin, end = "<!-- pictures: begin -->", "<!-- pictures: end -->"
    card.write_text(ABOUT + TERMS + f"{begin}\n{end}\n")
    skipped = [replace(each, skipped=[("a.jpg", "no face found")]) for each in results.evaluations]
    write_card(card, replace(results, evaluations=skipped), COMMAND, "pictures")
    before, _, after = card.read_text().partition(begin)
    assert before == ABOUT + TERMS
    assert "### All faces" in after and "ours: 1 of 35 images" in after
    split_card(card)


def test_missing_card(tmp_path):
    with pytest.raises(UserError, match=r"--card.*none\.md"):
        split_card(tmp_path / "none.md")


def test_uses_are_separate(tmp_path):
    card = tmp_path / "README.md"
    card.write_text(ABOUT + TERMS)
    paths = [
        write(tmp_path / f"{name}.mat", [22] * 40, [(20, 20)] * 40, [1] * 40, "")
        for name in ("utkface", "lap")
    ]
    model = ColourModel()
    model.description.data = [{"db": "utkface", "file": "other.mat"}]
    write_card(card, evaluate(from_databases(paths), {"ours": model}, resamples=5), COMMAND)
    found = tables(card.read_text())
    found = [row[0] for row in found["By use in training"]]
    trained, unknown = "use trained on", "use unknown"  # lap may have another name in the run
    assert found[1:] == [trained, f"{trained} x source utkface", unknown, f"{unknown} x source lap"]
