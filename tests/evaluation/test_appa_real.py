"""Evaluation on APPA-REAL, with a model that estimates ages by colour."""

import cv2
import numpy as np
import pytest

from src.errors import UserError
from src.evaluation.evaluate import evaluate
from src.evaluation.labelled import from_appa_real
from tests.evaluation.colour_model import ColourModel

HEADER = "file_name,num_ratings,apparent_age_avg,apparent_age_std,real_age\n"
# Estimated, apparent and real age per face. Errors: 4 10 6 0 5, and 0 20 3 1 10.
PEOPLE = [(20, 24, 20), (40, 30, 60), (60, 66, 63), (30, 30, 29), (10, 5, 0)]
ROWS = [f"{i:06d}.jpg,38,{apparent},2.5,{real}" for i, (_, apparent, real) in enumerate(PEOPLE)]


@pytest.fixture
def data_dir(tmp_path):
    """PEOPLE as the validation split."""
    write_labels(tmp_path, ROWS)
    (tmp_path / "valid").mkdir()
    for i, (age, _, _) in enumerate(PEOPLE):
        write_face(tmp_path, i, age)
    return tmp_path


def write_labels(folder, rows, split="valid", header=HEADER, name="gt_avg"):
    (folder / f"{name}_{split}.csv").write_text(header + "\n".join(rows) + "\n")


def write_face(folder, number, age, split="valid"):
    path = folder / split / f"{number:06d}.jpg_face.jpg"
    cv2.imwrite(str(path), np.full((50, 40, 3), age, np.uint8))


def run(data_dir, split="valid"):
    """The model's evaluation, and its metrics."""
    faces, _ = from_appa_real(data_dir, split)
    results = evaluate(faces, {"model": ColourModel()}, resamples=50)
    [evaluation] = results.evaluations
    table = results.table[results.table["model"] == "model"].set_index(["subgroup", "metric"])
    return evaluation, table


def test_other_crops_are_noted(data_dir):
    """APPA-REAL's crops have a margin of 0.4 and no alignment."""
    faces, _ = from_appa_real(data_dir, "valid")
    [unknown] = faces.check(ColourModel(margin=0.4))
    assert "used in training is unknown" in unknown
    note, *others = faces.check(ColourModel(margin=0.1))
    assert "0.4" in note and "0.1" in note
    assert others == [unknown]
    *_, note, _ = faces.check(ColourModel(margin=0.4, align="face_chip"))
    assert "face_chip" in note


def test_categories_are_subgroups(data_dir):
    header = "file,gender,ethnicity,makeup,happiness\n"
    rows = [
        "000000.jpg,male,asian,nomakeup,neutral",
        "000001.jpg,female,asian,makeup,happy",
        "000003.jpg,male,caucasian,nomakeup,happy",
    ]
    write_labels(data_dir, rows, header=header, name="allcategories")
    evaluation, metrics = run(data_dir)
    assert evaluation.uses == {"appa_real": "unknown"} and not evaluation.skipped
    assert ("all", "epsilon_error") in metrics.index
    metrics = metrics["value"]
    for name, mae in {
        **{"all": 5, "gender male": 2, "gender female": 10, "group asian": 7},
        **{"group caucasian": 0, "makeup nomakeup": 2, "makeup makeup": 10},
        **{"happiness neutral": 4, "happiness happy": 5, "gender male x group asian": 4},
    }.items():
        assert metrics[name, "mae"] == pytest.approx(mae), name
    assert not [name for name, _ in metrics.index if name.startswith(("ethnicity", "file"))]
    # A blue value of 40 is estimated as female with 40 %.
    assert metrics["gender female", "gender_accuracy"] == 0


@pytest.mark.parametrize(
    "content, received",
    [
        ("file_name,real_age\na.jpg,30\n", "'apparent_age_avg'"),
        (HEADER + "a.jpg,38,30,2.5,30\nb.jpg,38,old,2.5,30\n", "row 2"),
    ],
)
def test_malformed_labels_are_rejected(tmp_path, content, received):
    (tmp_path / "gt_avg_valid.csv").write_text(content, encoding="latin-1")
    with pytest.raises(UserError) as refused:
        from_appa_real(tmp_path, "valid")
    assert str(refused.value).startswith(f"{tmp_path / 'gt_avg_valid.csv'}: ")
    assert received in str(refused.value)


def test_labels_without_images_are_rejected(tmp_path):
    write_labels(tmp_path, ROWS)
    with pytest.raises(UserError, match=r"gt_avg_test\.csv"):
        run(tmp_path, "test")
    with pytest.raises(UserError, match=r"none of 5; .* 000000\.jpg_face\.jpg"):
        run(tmp_path)
