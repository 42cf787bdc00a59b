import numpy as np
import pandas as pd
import pytest

from src.data.datasets.tables import genders, numbers, read_rows, read_table, whole_years
from src.errors import UserError

ROWS = [["é/a.jpg", "20"], ["b.jpg", ""]]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "labels.csv"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_table_is_read_however_it_is_written(path, encoding, separator, line_end):
    lines = [["path", "age"], *ROWS]
    text = line_end.join(separator.join(line) for line in lines)
    path.write_bytes(text.encode(encoding))
    table = read_table(path, ("path", "age"))
    assert (list(table.columns), table.to_numpy().tolist()) == (["path", "age"], ROWS)


def test_spaces_around_fields_go_and_words_stay_text(path):
    path.write_text('path , age\n"a, b.jpg",NA\n 007, nan \n')
    table = read_table(path, ("path", "age"))
    assert table.to_numpy().tolist() == [["a, b.jpg", "NA"], ["007", "nan"]]


def test_missing_column_is_named(path):
    path.write_text("file,age\na.jpg,20\n")
    with pytest.raises(
        UserError, match=r"labels\.csv: expected the column 'path', found file, age"
    ):
        read_table(path, ("path",))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "expected a table"),
        (b"path,age\na.jpg,20\nb.jpg,30,40\n", "expected a table, .* in line 3, saw 3"),
        (b"path,age\na.jpg,20,30\nb.jpg,30,40\n", "no more fields in a row than the first line"),
        (b'path,age\n"a.jpg,20\n', "expected a table, .* inside string"),
        ("path,age\na.jpg,20\n".encode("utf-16"), "expected the column 'path'"),
    ],
    ids=["empty", "one row too long", "all rows too long", "open quotes", "UTF-16"],
)
def test_what_is_no_table_is_refused(path, content, words):
    path.write_bytes(content)
    with pytest.raises(UserError, match=rf"labels\.csv: .*{words}"):
        read_table(path, ("path",))


def test_missing_file_is_refused(path):
    with pytest.raises(UserError, match=r"labels\.csv: expected a label file, found nothing"):
        read_table(path, ("path",))


@pytest.mark.parametrize("header", ["", "image,mean,stdv\n", "Name,Age,Spread,More\n"])
def test_rows_are_read_with_and_without_a_header(path, header):
    more = ",x" * (header.count(",") - 2)
    path.write_text(f"{header}a.jpg,20.5,3{more}\nb.jpg,30,{more}\n")
    table = read_rows(path, ("image", "mean", "stdv"))
    assert list(table.columns) == ["image", "mean", "stdv"]
    assert table.to_numpy().tolist() == [["a.jpg", "20.5", "3"], ["b.jpg", "30", ""]]


def test_too_few_columns_are_refused(path):
    path.write_text("a.jpg,20\n")
    with pytest.raises(UserError, match=r"expected 3 columns \(image, mean, stdv\), found 2"):
        read_rows(path, ("image", "mean", "stdv"))


def test_numbers_from_0_to_100_and_blanks_are_taken(path):
    table = pd.DataFrame({"age": ["0", "100", "", "20.25", "1e1"]})
    np.testing.assert_array_equal(numbers(path, table, "age"), [0, 100, np.nan, 20.25, 10])


@pytest.mark.parametrize("text", ["abc", "250", "-3", "100.01", "nan", "inf", "2O", "20 years"])
def test_other_numbers_are_refused_with_file_column_row_and_text(path, text):
    table = pd.DataFrame({"age": ["20", "", text, "abc"]})
    expected = (
        rf"labels\.csv: expected 'age' to be a number from 0 to 100, received '{text}' in row 3$"
    )
    with pytest.raises(UserError, match=expected):
        numbers(path, table, "age")


def test_halves_are_rounded_up():
    rounded = whole_years(np.array([0.49, 0.5, 1.5, 2.5, 99.5, np.nan]))
    np.testing.assert_array_equal(rounded, [0, 1, 2, 3, 100, np.nan])


def test_gender_is_known_by_words_and_codes_and_else_unknown():
    known = {"female": 0, "Female": 0, "F": 0, "0": 0, "0.0": 0, "MALE": 1, "m": 1, "1": 1}
    assert genders(pd.Series(list(known))).tolist() == list(known.values())
    assert np.isnan(genders(pd.Series(["other", "", "2", "woman", "-1", "nan"]))).all()
