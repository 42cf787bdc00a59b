import numpy as np
import pytest

from src.data.datasets import read_dataset
from src.errors import UserError

HEADER = "file_name,num_ratings,apparent_age_avg,apparent_age_std,real_age\n"
ROWS = ["000000.jpg,38,4.5,2.5,4", "000001.jpg,38,29.49,4,31", "000002.JPG,38,99.5,9,100"]


def read(folder, **options):
    return read_dataset("appa_real", folder, **options)


def write(folder, name="gt_avg_train.csv", rows=ROWS, header=HEADER):
    (folder / name).write_text(header + "\n".join(rows) + "\n")
    return folder


@pytest.mark.parametrize(("target", "ages"), [("apparent", [5, 29, 100]), ("real", [4, 31, 100])])
def test_target_chooses_the_age(tmp_path, target, ages):
    table = read(write(tmp_path), target=target).table
    assert table["age_low"].tolist() == table["age_high"].tolist() == ages
    assert table["path"].tolist() == [
        f"train/{name}_face.jpg" for name in ("000000.jpg", "000001.jpg", "000002.JPG")
    ]
    assert table["gender"].isna().all()


def test_split_names_file_and_folder(tmp_path):
    write(tmp_path, "gt_avg_valid.csv", ROWS[:1])
    assert read(tmp_path, split="valid").table["path"].tolist() == ["valid/000000.jpg_face.jpg"]
    with pytest.raises(UserError, match=r"gt_avg_train\.csv"):
        read(tmp_path)


def test_gender_and_group_from_allcategories(tmp_path):
    write(tmp_path)
    rows = ["000001.jpg,female,happy,asian", "000000.jpg,male,neutral,caucasian"]
    write(tmp_path, "allcategories_train.csv", rows, "file,gender,happiness,ethnicity\n")
    table = read(tmp_path).table
    np.testing.assert_array_equal(table["gender"], [1, 0, np.nan])
    assert table["group"].tolist() == ["caucasian", "asian", ""]


@pytest.mark.parametrize("named", [False, True])
def test_ignore_list(tmp_path, named):
    """The ignore list in the folder, or a passed one."""
    write(tmp_path)
    write(tmp_path, "ignore_list.csv", ["000001.jpg", "999999.jpg"], "img_name\n")
    write(tmp_path, "other.csv", ["1,000000.jpg", "2,000002.JPG"], ",img_name\n")
    records = read(tmp_path, ignore_list=tmp_path / "other.csv" if named else None)
    left = ["000001.jpg"] if named else ["000000.jpg", "000002.JPG"]
    assert records.table["path"].tolist() == [f"train/{name}_face.jpg" for name in left]
    assert records.table["age_low"].tolist() == ([29] if named else [5, 100])
    assert records.removed == {"on the ignore list": 3 - len(left)}


def test_missing_ignore_list_is_named(tmp_path):
    with pytest.raises(UserError, match=r"none\.csv"):
        read(write(tmp_path), ignore_list=tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("row", "received"),
    [
        ("3.jpg,38,abc,2,4", "'apparent_age_avg'.*'abc' in row 4"),
        ("3.jpg,38,20,2,250", "'real_age'.*'250' in row 4"),
        ("../../3.jpg,38,20,2,25", r"'\.\./\.\./3\.jpg' in row 4"),
    ],
)
def test_bad_row_is_named(tmp_path, row, received):
    with pytest.raises(UserError, match=rf"gt_avg_train\.csv: .*{received}"):
        read(write(tmp_path, rows=[*ROWS, row]))


def test_missing_column_is_named(tmp_path):
    write(tmp_path, rows=["a.jpg,20"], header="file_name,real_age\n")
    with pytest.raises(UserError, match="'apparent_age_avg'"):
        read(tmp_path)
