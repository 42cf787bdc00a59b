import unicodedata

import numpy as np
import pytest

from src.data.datasets import read_dataset
from src.errors import UserError

HEADER = "path,age,age_low,age_high,gender,group"


def read(folder, labels=None):
    return read_dataset("csv", folder, labels=labels)


def write(folder, *lines, encoding="utf-8"):
    (folder / "labels.csv").write_bytes("\n".join(lines).encode(encoding))
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


def test_columns_can_be_left_out(tmp_path):
    table = read(write(tmp_path, "Age,path", "7,a.jpg", ",b.jpg")).table
    np.testing.assert_array_equal(table["age_low"], [7, np.nan])
    np.testing.assert_array_equal(table["age_high"], [7, np.nan])
    assert table["gender"].isna().all()
    assert set(table["group"]) == set(table["person"]) == {""}


def test_labels_names_another_file(tmp_path):
    write(tmp_path, HEADER)
    (tmp_path / "mine.csv").write_text("File name,sex\nm.jpg,m\n")
    assert read(tmp_path, tmp_path / "mine.csv").table["path"].tolist() == ["m.jpg"]


def test_no_rows_are_an_empty_table(tmp_path):
    assert len(read(write(tmp_path, HEADER)).table) == 0


@pytest.mark.parametrize("stored", ["NFC", "NFD"])
@pytest.mark.parametrize("written", ["NFC", "NFD"])
def test_paths_in_another_unicode_form(tmp_path, stored, written):
    folder, name = (unicodedata.normalize(stored, text) for text in ("été", "Zoë.jpg"))
    (tmp_path / folder).mkdir()
    (tmp_path / folder / name).touch()
    write(tmp_path, "path,age", unicodedata.normalize(written, "été/Zoë.jpg,20"))
    assert read(tmp_path).table["path"].tolist() == [f"{folder}/{name}"]


def test_backslashes_are_folders(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.jpg").touch()
    (tmp_path / "b\\c.jpg").touch()
    write(tmp_path, "path,age", r"sub\a.jpg,20", r"b\c.jpg,20", r"sub\none.jpg,20")
    paths = read(tmp_path).table["path"].tolist()
    assert paths == ["sub/a.jpg", "b\\c.jpg", "sub/none.jpg"]


def test_absolute_paths_inside_the_folder(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    (tmp_path / "link").symlink_to("data")
    write(tmp_path / "data", "path,age", f"{tmp_path}/data/a.jpg,20", f"{tmp_path}/link/b.jpg,20")
    monkeypatch.chdir(tmp_path)
    for folder in ("data", "link", tmp_path / "data"):
        assert read(tmp_path / folder).table["path"].tolist() == ["a.jpg", "b.jpg"]


@pytest.mark.parametrize(
    ("header", "received"),
    [("url,age", "url, age"), ("path,group", "none"), ("path,age_low", "age_high")],
)
def test_missing_column_is_named(tmp_path, header, received):
    with pytest.raises(UserError, match=rf"labels\.csv.*{received}"):
        read(write(tmp_path, header, "a.jpg,20"))


@pytest.mark.parametrize(
    ("row", "received"),
    [
        ("b.jpg,abc,,,m,", "'age'.*'abc' in row 2"),
        ("b.jpg,,x,30,m,", "'age_low'.*'x' in row 2"),
        ("b.jpg,,30,20,m,", "at most.*'30'.*'20'.* in row 2"),
        ("b.jpg,40,30,,m,", "at most.*'30'.*in row 2"),
        ("b.jpg,10,20,30,m,", "the age from.*'10'.*in row 2"),
        ("b.jpg,20,,,1,", "'gender'.*'1' in row 2"),
        ("b.jpg,20,,,other,", "'gender'.*'other' in row 2"),
        ("a.jpg,20,,,m,", r"every path once.*'a\.jpg'.*in row 2"),
        ("./a.jpg,20,,,m,", r"every path once.*'\./a\.jpg'.*in row 2"),
        (",20,,,m,", "'' in row 2"),
        ("../b.jpg,20,,,m,", r"'\.\./b\.jpg' in row 2"),
        ("c/../../b.jpg,20,,,m,", "in row 2"),
        (r"..\b.jpg,20,,,m,", "in row 2"),
        ("/etc/b.jpg,20,,,m,", r"'/etc/b\.jpg' in row 2"),
        (r"C:\b.jpg,20,,,m,", "in row 2"),
    ],
)
def test_bad_row_is_named(tmp_path, row, received):
    with pytest.raises(UserError, match=rf"labels\.csv: .*{received}"):
        read(write(tmp_path, HEADER, "a.jpg,20,,,m,", row))


def test_boxes_allow_several_faces(tmp_path):
    rows = ["a.jpg,20,1,2,30,40", "a.jpg,50,60,2,90,40", "b.jpg,7,,,,"]
    table = read(write(tmp_path, "path,age,left,top,right,bottom", *rows)).table
    assert table["box"].tolist() == [(1, 2, 30, 40), (60, 2, 90, 40), None]
    with pytest.raises(UserError, match=r"labels\.csv.*every path once.*'a\.jpg'.*in row 2"):
        read(write(tmp_path, "path,age,left,top,right,bottom", rows[0], rows[0]))


def test_spread_of_apparent_ages(tmp_path):
    """As in ChaLearn LAP: one standard deviation to each side, in whole years."""
    table = read(write(tmp_path, "path,age,age_std", "a.jpg,20.4,3.2", "b.jpg,99,5", "c.jpg,7,"))
    np.testing.assert_array_equal(table.table["age_low"], [17, 94, 7])
    np.testing.assert_array_equal(table.table["age_high"], [24, 100, 7])
