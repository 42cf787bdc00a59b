import csv
import io
import tarfile
from collections import Counter

import numpy as np
import pytest

from src.data.datasets import read_dataset
from src.errors import UserError

HEADER = "file,age,gender,race,service_test\n"


def read(folder, split="train"):
    return read_dataset("fairface", folder, split=split)


def write(folder, *rows, split="train", header=HEADER):
    (folder / f"fairface_label_{split}.csv").write_text(header + "\n".join(rows) + "\n")
    return folder


def test_more_than_70_ends_at_100(tmp_path):
    write(
        tmp_path,
        "train/1.jpg,0-2,Male,East Asian,TRUE",
        "train/2.JPG,60-69,Female,Black,FALSE",
        "train/3.jpg,more than 70,Male,Latino_Hispanic,TRUE",
    )
    table = read(tmp_path).table
    assert table["path"].tolist() == ["train/1.jpg", "train/2.JPG", "train/3.jpg"]
    assert table["age_low"].tolist() == [0, 60, 70]
    assert table["age_high"].tolist() == [2, 69, 100]
    assert table["gender"].tolist() == [1, 0, 1]
    assert table["group"].tolist() == ["East Asian", "Black", "Latino_Hispanic"]


def test_unknown_gender_stays_unknown(tmp_path):
    write(tmp_path, "1.jpg,0-2,,White,TRUE", "3.jpg,3-9,Male,,TRUE")
    np.testing.assert_array_equal(read(tmp_path).table["gender"], [np.nan, 1])


def test_split_names_the_label_file(tmp_path):
    write(tmp_path, "train/1.jpg,0-2,Male,White,TRUE")
    write(tmp_path, "val/1.jpg,3-9,Male,White,TRUE", split="val")
    assert read(tmp_path, "val").table["path"].tolist() == ["val/1.jpg"]
    with pytest.raises(UserError, match=r"fairface_label_test\.csv"):
        read(tmp_path, "test")


@pytest.mark.parametrize(
    ("row", "received"),
    [
        ("2.jpg,29-20,Male,White,TRUE", "'age'.*'29-20' in row 2"),
        ("2.jpg,3-9,other,White,TRUE", "'gender'.*'other' in row 2"),
        ("../2.jpg,0-2,Male,White,TRUE", r"'\.\./2\.jpg' in row 2"),
    ],
)
def test_bad_row_is_named(tmp_path, row, received):
    write(tmp_path, "1.jpg,0-2,Male,White,TRUE", row)
    with pytest.raises(UserError, match=rf"fairface_label_train\.csv: .*{received}"):
        read(tmp_path)


def test_missing_column_is_named(tmp_path):
    write(tmp_path, "1.jpg,0-2,Male", header="file,age,gender\n")
    with pytest.raises(UserError, match="'race'"):
        read(tmp_path)


@pytest.fixture(scope="module")
def labels(shared):
    """The real label file."""
    with tarfile.open(shared / "FairFace.tar.gz") as archive:
        first = next(iter(archive))
        while not first.name.endswith("fairface_label_train.csv"):
            first = archive.next()
        return archive.extractfile(first).read()


def test_all_real_labels_are_read(labels, tmp_path):
    (tmp_path / "fairface_label_train.csv").write_bytes(labels)
    table = read(tmp_path).table
    rows = list(csv.DictReader(io.StringIO(labels.decode())))
    assert len(rows) == 40_000
    assert table["path"].tolist() == [row["file"] for row in rows]
    assert table["group"].tolist() == [row["race"] for row in rows]
    ranges = Counter(zip(table["age_low"], table["age_high"], strict=True))
    assert ranges == {
        (0, 2): 841, (3, 9): 4867, (10, 19): 4314, (20, 29): 11_677, (30, 39): 8939,
        (40, 49): 4878, (50, 59): 2830, (60, 69): 1260, (70, 100): 394,
    }  # fmt: skip
    assert Counter(table["gender"]) == {0: 18_839, 1: 21_161}
