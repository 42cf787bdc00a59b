import numpy as np
import pytest

from src.data.datasets import Options, get_reader
from src.errors import UserError

HEADER = "path,age,age_low,age_high,gender,group"


def read(folder, labels=None):
    return get_reader("csv")(folder, Options("csv", labels=labels))


def write(folder, *lines, encoding="utf-8"):
    (folder / "labels.csv").write_bytes("\n".join(lines).encode(encoding))
    return folder


def test_ages_are_exact_or_ranges_and_blanks_unknown(tmp_path):
    write(
        tmp_path,
        HEADER,
        "a.jpg,25,,,female,x",
        "b/B.JPG,,20,29,Male,",
        "c.jpg,,,,,y",
        "d.jpg,25.5,0,100,other,",
    )
    table = read(tmp_path).table
    assert table["path"].tolist() == ["a.jpg", "b/B.JPG", "c.jpg", "d.jpg"]
    np.testing.assert_array_equal(table["age_low"], [25, 20, np.nan, 0])
    np.testing.assert_array_equal(table["age_high"], [25, 29, np.nan, 100])
    np.testing.assert_array_equal(table["gender"], [0, 1, np.nan, np.nan])
    assert table["group"].tolist() == ["x", "", "y", ""]


def test_columns_that_are_blank_can_be_left_out(tmp_path):
    table = read(write(tmp_path, "age,path", "7,a.jpg", ",b.jpg")).table
    np.testing.assert_array_equal(table["age_low"], [7, np.nan])
    np.testing.assert_array_equal(table["age_high"], [7, np.nan])
    assert table["gender"].isna().all()
    assert set(table["group"]) == {""}


def test_other_label_file_can_be_named(tmp_path):
    write(tmp_path, HEADER)
    (tmp_path / "mine.csv").write_text("path,gender\nm.jpg,m\n")
    assert read(tmp_path, tmp_path / "mine.csv").table["path"].tolist() == ["m.jpg"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
def test_accents_are_read_in_any_encoding(tmp_path, encoding):
    write(tmp_path, HEADER, "Zoë.JPG,30,,,f,café", encoding=encoding)
    table = read(tmp_path).table
    assert table[["path", "group"]].to_numpy().tolist() == [["Zoë.JPG", "café"]]


def test_no_rows_are_an_empty_table(tmp_path):
    assert len(read(write(tmp_path, HEADER)).table) == 0


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("file,age", "expected the column 'path', found file, age"),
        ("path,group", "expected one of the columns age, age_low, age_high, gender, found none"),
        ("path,age_low", "expected both age_low and age_high, found one of them"),
        ("path,age_high", "expected both age_low and age_high, found one of them"),
    ],
)
def test_missing_column_is_refused(tmp_path, header, words):
    with pytest.raises(UserError, match=rf"labels\.csv: {words}"):
        read(write(tmp_path, header, "a.jpg,20"))


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("b.jpg,abc,,,m,", "'age' to be a number from 0 to 100, received 'abc' in row 2"),
        ("b.jpg,250,,,m,", "'age' .*, received '250' in row 2"),
        ("b.jpg,-3,,,m,", "'age' .*, received '-3' in row 2"),
        ("b.jpg,,x,30,m,", "'age_low' .*, received 'x' in row 2"),
        ("b.jpg,,20,101,m,", "'age_high' .*, received '101' in row 2"),
        ("b.jpg,,30,20,m,", "age_low to be at most age_high, received '30' and '20' in row 2"),
        ("b.jpg,,30,,m,", "age_low to be at most age_high, received '30' and '' in row 2"),
        ("b.jpg,40,30,,m,", "age_low to be at most age_high, received '30' and '' in row 2"),
        ("a.jpg,20,,,m,", r"expected every path once, received 'a\.jpg' in rows 1 and 2"),
        ("../b.jpg,20,,,m,", r"received '\.\./b\.jpg' in row 2, which leads out of it"),
        ("c/../../b.jpg,20,,,m,", "in row 2, which leads out of it"),
        ("/etc/b.jpg,20,,,m,", r"received '/etc/b\.jpg' in row 2, which leads out of it"),
        (r"C:\b.jpg,20,,,m,", "in row 2, which leads out of it"),
    ],
)
def test_bad_row_is_refused_with_file_row_and_what_was_received(tmp_path, row, words):
    with pytest.raises(UserError, match=rf"labels\.csv: .*{words}"):
        read(write(tmp_path, HEADER, "a.jpg,20,,,m,", row))


def test_missing_file_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"labels\.csv: expected a label file, found nothing"):
        read(tmp_path)
