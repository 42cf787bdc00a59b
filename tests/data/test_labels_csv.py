"""Your own images, labelled by a CSV file."""

import numpy as np
import pytest

from src.data.datasets import read_dataset
from src.errors import UserError

HEADER = "path,age,age_low,age_high,gender,group"
BOXES = "path,age,left,top,right,bottom"


def read(folder, labels=None):
    return read_dataset("csv", folder, labels=labels)


def write(folder, *lines):
    (folder / "labels.csv").write_text("\n".join(lines))
    return folder


def test_ages_genders_groups_and_persons(tmp_path):
    write(
        tmp_path,
        HEADER + ",person",
        "a.jpg,25,,,female,x,Ann",
        "b/B.JPG,,20,29,Male,,",
        "c.jpg,,,,,y,Ann",
        "d.jpg,25.9,0,101,NA,,Bob",
        'e.jpg,"(25, 32)",,,w,,',
    )
    table = read(tmp_path).table
    assert table["path"].tolist() == ["a.jpg", "b/B.JPG", "c.jpg", "d.jpg", "e.jpg"]
    np.testing.assert_array_equal(table["age_low"], [25, 20, np.nan, 0, 25])
    np.testing.assert_array_equal(table["age_high"], [25, 29, np.nan, 100, 32])
    np.testing.assert_array_equal(table["gender"], [0, 1, np.nan, np.nan, 0])
    assert table["group"].tolist() == ["x", "", "y", "", ""]
    assert table["person"].tolist() == ["Ann", "", "Ann", "Bob", ""]


def test_columns_can_be_omitted(tmp_path):
    table = read(write(tmp_path, "Age,path", "7,a.jpg", ",b.jpg")).table
    np.testing.assert_array_equal(table["age_low"], [7, np.nan])
    np.testing.assert_array_equal(table["age_high"], [7, np.nan])
    assert table["gender"].isna().all()
    assert set(table["group"]) == set(table["person"]) == {""}


def test_labels_names_another_file(tmp_path):
    write(tmp_path, HEADER)
    (tmp_path / "mine.csv").write_text("File name,sex\nm.jpg,m\n")
    assert read(tmp_path, tmp_path / "mine.csv").table["path"].tolist() == ["m.jpg"]
    assert len(read(tmp_path).table) == 0


@pytest.mark.parametrize("path", ["a/../b.jpg", "./a.jpg", "..a/b.jpg", "é/顔.jpg"])
def test_path_inside_the_folder_is_kept(tmp_path, path):
    assert read(write(tmp_path, "path,age", f"{path},20")).table["path"].tolist() == [path]


def test_backslashes_are_folders(tmp_path):
    table = read(write(tmp_path, "path,age", r"sub\a.jpg,20")).table
    assert table["path"].tolist() == ["sub/a.jpg"]


def test_absolute_paths_inside_the_folder(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    (tmp_path / "link").symlink_to("data")
    write(tmp_path / "data", "path,age", f"{tmp_path}/data/a.jpg,20", f"{tmp_path}/link/b.jpg,20")
    monkeypatch.chdir(tmp_path)
    for folder in ("data", "link", tmp_path / "data"):
        assert read(tmp_path / folder).table["path"].tolist() == ["a.jpg", "b.jpg"]


@pytest.mark.parametrize(
    ("lines", "received"),
    [
        (["url,age", "a.jpg,20"], "'path', found url, age"),
        (["path,group", "a.jpg,x"], "age, age_low, age_high, gender"),
        ([HEADER, "a.jpg,abc,,,m,"], "'age'.*'abc' in row 1"),
        ([HEADER, "a.jpg,,x,30,m,"], "'age_low'.*'x' in row 1"),
        ([HEADER, "a.jpg,,30,20,m,"], "at most.*'30'.*'20'.* in row 1"),
        ([HEADER, "a.jpg,40,30,,m,"], "at most.*'30'.*in row 1"),
        ([HEADER, "a.jpg,20,,,1,"], "'gender'.*'1' in row 1"),
        ([HEADER, "a.jpg,20,,,m,", "./a.jpg,20,,,m,"], r"every path once.*'\./a\.jpg'.*in row 2"),
        ([HEADER, "a.jpg,20,,,m,", ",20,,,m,"], "'' in row 2"),
        ([HEADER, "../b.jpg,20,,,m,"], r"'\.\./b\.jpg' in row 1"),
        ([HEADER, "c/../../b.jpg,20,,,m,"], "in row 1"),
        ([HEADER, r"..\b.jpg,20,,,m,"], "in row 1"),
        ([HEADER, "/etc/b.jpg,20,,,m,"], r"'/etc/b\.jpg' in row 1"),
        ([BOXES, "a.jpg,20,1,2,30,40", "a.jpg,20,1,2,30,40"], "every path once.*in row 2"),
        ([BOXES, "a.jpg,20,1,2,30,40", "b.jpg,20,5,2,3,4"], "left < right.*'5'.*in row 2"),
    ],
)
def test_bad_row_is_named(tmp_path, lines, received):
    with pytest.raises(UserError, match=rf"labels\.csv: .*{received}"):
        read(write(tmp_path, *lines))


def test_boxes_allow_several_faces(tmp_path):
    rows = ["a.jpg,20,1,2,30.5,40", "a.jpg,50,60,2,90,40", "b.jpg,7,,,,"]
    table = read(write(tmp_path, BOXES, *rows)).table
    assert table["box"].tolist() == [(1, 2, 30.5, 40), (60, 2, 90, 40), None]


def test_spread_of_apparent_ages(tmp_path):
    """As in ChaLearn LAP: one standard deviation to each side, in whole years."""
    table = read(write(tmp_path, "path,age,age_std", "a.jpg,20.4,3.2", "b.jpg,99,5", "c.jpg,7,"))
    np.testing.assert_array_equal(table.table["age_low"], [17, 94, 7])
    np.testing.assert_array_equal(table.table["age_high"], [24, 100, 7])
