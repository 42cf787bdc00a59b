"""APPA-REAL's figures, by an estimator that takes a face's grey level for its age."""

import cv2
import numpy as np
import pytest

from src.errors import UserError
from src.evaluation import appa_real
from src.evaluation.appa_real import evaluate

HEADER = "file_name,num_ratings,apparent_age_avg,apparent_age_std,real_age\n"


class GreyLevel:
    """An estimator whose ages are known: the mean of a face's pixels."""

    img_size = 32
    align = "none"

    def __init__(self):
        self.batches = []

    def __call__(self, faces):
        assert faces.dtype == np.uint8 and faces.shape[1:] == (32, 32, 3)
        self.batches.append(len(faces))
        self.age = faces.mean(axis=(1, 2, 3))
        return self


# Grey level of the face, apparent and real age. Errors: 4 10 6 0 5, and 0 20 3 1 10.
PEOPLE = [(20, 24, 20), (40, 30, 60), (60, 66, 63), (30, 30, 29), (10, 5, 0)]
ROWS = [f"{i:06d}.jpg,38,{apparent},2.5,{real}" for i, (_, apparent, real) in enumerate(PEOPLE)]


@pytest.fixture
def data_dir(tmp_path):
    """PEOPLE as the validation split."""
    write_labels(tmp_path, ROWS)
    (tmp_path / "valid").mkdir()
    for i, (level, _, _) in enumerate(PEOPLE):
        write_face(tmp_path, i, level)
    return tmp_path


def write_labels(folder, rows, split="valid", header=HEADER):
    (folder / f"gt_avg_{split}.csv").write_text(header + "\n".join(rows) + "\n")


def write_face(folder, number, level, split="valid"):
    path = folder / split / f"{number:06d}.jpg_face.jpg"
    cv2.imwrite(str(path), np.full((50, 40, 3), level, np.uint8))


def test_mae_is_the_mean_absolute_error_against_each_age(data_dir):
    evaluated = evaluate(GreyLevel(), data_dir, "valid")
    assert evaluated.mae == pytest.approx({"apparent": 25 / 5, "real": 34 / 5})
    assert evaluated.pictures == 5
    assert evaluated.missing == []


def test_missing_and_unreadable_pictures_are_left_out_and_named(data_dir):
    (data_dir / "valid" / "000001.jpg_face.jpg").unlink()
    (data_dir / "valid" / "000004.jpg_face.jpg").write_text("no picture")
    evaluated = evaluate(GreyLevel(), data_dir, "valid")
    assert evaluated.mae == pytest.approx({"apparent": 10 / 3, "real": 4 / 3})
    assert evaluated.pictures == 3
    assert evaluated.missing == ["000001.jpg_face.jpg", "000004.jpg_face.jpg"]


def test_pictures_are_read_in_bounded_pieces(data_dir, monkeypatch):
    monkeypatch.setattr(appa_real, "_FACES_AT_ONCE", 2)
    estimator = GreyLevel()
    evaluated = evaluate(estimator, data_dir, "valid")
    assert estimator.batches == [2, 2, 1]
    assert evaluated.mae == pytest.approx({"apparent": 25 / 5, "real": 34 / 5})


def test_a_piece_without_a_readable_picture_is_passed_over(data_dir, monkeypatch):
    monkeypatch.setattr(appa_real, "_FACES_AT_ONCE", 2)
    for number in (2, 3):
        (data_dir / "valid" / f"{number:06d}.jpg_face.jpg").unlink()
    evaluated = evaluate(GreyLevel(), data_dir, "valid")
    assert evaluated.mae == pytest.approx({"apparent": 19 / 3, "real": 30 / 3})


def test_the_order_of_the_labels_does_not_matter(data_dir):
    before = evaluate(GreyLevel(), data_dir, "valid")
    write_labels(data_dir, [ROWS[i] for i in (3, 0, 4, 2, 1)])
    after = evaluate(GreyLevel(), data_dir, "valid")
    assert after.mae == pytest.approx(before.mae)


def test_the_order_of_the_columns_does_not_matter(data_dir):
    rows = [",".join(reversed(row.split(","))) for row in ROWS]
    write_labels(data_dir, rows, header=",".join(reversed(HEADER.strip().split(","))) + "\n")
    evaluated = evaluate(GreyLevel(), data_dir, "valid")
    assert evaluated.mae == pytest.approx({"apparent": 25 / 5, "real": 34 / 5})


@pytest.mark.parametrize("split", ["test", "train"])
def test_other_splits_have_labels_and_pictures_of_their_own(data_dir, split):
    write_labels(data_dir, ["000000.jpg,38,50,2.5,52"], split)
    (data_dir / split).mkdir()
    write_face(data_dir, 0, 49, split)
    evaluated = evaluate(GreyLevel(), data_dir, split)
    assert evaluated.mae == pytest.approx({"apparent": 1, "real": 3})
    assert evaluated.pictures == 1


@pytest.mark.parametrize(
    "content, said",
    [
        ("", "expected a table, it cannot be read"),
        (HEADER, "expected both ages of every picture, it has no row"),
        ("file_name,real_age\na.jpg,30\n", "expected the column 'apparent_age_avg', found"),
        ("name,apparent_age_avg,real_age\na.jpg,30,3\n", "expected the column 'file_name', found"),
        (HEADER + "a.jpg,38,thirty,2.5,30\n", "from 0 to 122, received 'thirty' in row 1"),
        (HEADER + "a.jpg,38,30,2.5,30\nb.jpg,38,,2.5,30\n", "of every picture, row 2 has none"),
        (HEADER + "a.jpg,38,30,2.5,30\nb.jpg,38,30,2.5,30,1,2\n", "it cannot be read"),
        ("\0\x01\x02", "expected the column 'file_name', found"),
    ],
)
def test_labels_of_another_form_are_refused(tmp_path, content, said):
    (tmp_path / "gt_avg_valid.csv").write_text(content, encoding="latin-1")
    with pytest.raises(UserError) as refused:
        evaluate(GreyLevel(), tmp_path, "valid")
    assert str(refused.value).startswith(f"{tmp_path / 'gt_avg_valid.csv'}: ")
    assert said in str(refused.value)


def test_missing_labels_are_named(tmp_path):
    with pytest.raises(UserError, match=r"gt_avg_test\.csv: expected a label file, found nothing"):
        evaluate(GreyLevel(), tmp_path, "test")


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(UserError, match="nowhere: expected a folder, found nothing there"):
        evaluate(GreyLevel(), tmp_path / "nowhere", "valid")


def test_no_readable_picture_is_refused(tmp_path):
    write_labels(tmp_path, ROWS)
    with pytest.raises(UserError, match=r"000000\.jpg_face\.jpg, could read none of 5"):
        evaluate(GreyLevel(), tmp_path, "valid")
