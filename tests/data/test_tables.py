"""Label files that are tables of text."""

import numpy as np
import pytest

from src.data.datasets.tables import parse_age, parse_gender, read_table
from src.errors import UserError


@pytest.fixture
def read(tmp_path):
    """Writes a label file, text or bytes, and reads it."""

    def written(content, *args, **options):
        path = tmp_path / "labels.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_table(path, *args, **options)

    return written


def cells(table):
    return [list(table.frame.columns), *table.frame.to_numpy().tolist()]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_separators_and_line_ends(read, separator, line_end):
    lines = [["path", "age"], ["é/a.jpg", "20"], ["b.jpg", ""]]
    assert cells(read(line_end.join(map(separator.join, lines)))) == lines


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_unicode_encodings(read, encoding):
    table = read("path,group\né/张伟.jpg,café\n".encode(encoding))
    assert cells(table)[1] == ["é/张伟.jpg", "café"]


@pytest.mark.parametrize(("encoding", "text"), [("gbk", "张伟/照片1.jpg"), ("cp1252", "Zoë.jpg")])
def test_other_encodings_are_options(read, encoding, text):
    content = f"path,age\n{text},20\n".encode(encoding)
    with pytest.raises(UserError, match=r"labels\.csv: .*UTF-8.*--encoding gbk"):
        read(content)
    assert cells(read(content, encoding=encoding))[1] == [text, "20"]
    with pytest.raises(UserError, match=r"latin99.*--encoding"):
        read(content, encoding="latin99")


@pytest.mark.parametrize(
    "content",
    [
        "path;age;;\na.jpg;20;;\n;;;\n;;;\n",
        "\n\npath;age\n\na.jpg;20",
        ';path;age\n0;a.jpg;20\n"";;\n',
        'path; "age"\n"a.jpg"; "20"\n',
    ],
)
def test_files_of_spreadsheets(read, content):
    assert cells(read(content)) == [["path", "age"], ["a.jpg", "20"]]


def test_one_column_and_short_rows(read):
    assert cells(read("path\nhappy.jpg\n")) == [["path"], ["happy.jpg"]]
    table = read('path,age,group\n"a,b.jpg"\nNA,,None\n')
    assert cells(table)[1:] == [["a,b.jpg", "", ""], ["NA", "", "None"]]


def test_column_case_and_names(read):
    columns = {"path": "path", "sex": "gender", "age_low": "low", "age_high": "high"}
    table = read("\ufeffPATH , Age-Low,AgeHigh,Sex,Extra\na.jpg,20,30,f,x\n", columns)
    assert list(table.frame.columns) == ["path", "low", "high", "gender", "extra"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("path,age,Age \n", "every column once.*path, age, Age"),
        ("path,sex,gender\n", "every column once.*path, sex, gender"),
        ("file,age\na.jpg,20\n", "'path', found file, age"),
        ("", "the file is empty"),
        ("path,age\na.jpg,20\nb.jpg,30,40\n", "expected 2 columns, row 2 has more"),
        ('path,age\n"a.jpg,20\n', "cannot be read"),
        (b"\x1f\x8b\x08\x00" + bytes(range(256)), "UTF-8"),
    ],
)
def test_other_content_is_rejected(read, content, reason):
    with pytest.raises(UserError, match=rf"labels\.csv: .*{reason}"):
        read(content, {"path": "path", "sex": "gender"}, ("path",))


@pytest.mark.parametrize("header", ["", "image,mean,stdv\n", "Name,Age,Spread,More\n"])
def test_columns_by_position(read, header):
    columns = {"image": "path", "mean": "age", "stdv": "age_std"}
    table = read(f"{header}a.jpg,,2\nb.jpg,20.5,3\n", columns, by_position=True)
    assert cells(table) == [["path", "age", "age_std"], ["a.jpg", "", "2"], ["b.jpg", "20.5", "3"]]


def test_numbers_within_their_range(read):
    numbers = read("path;age\na;0\nb;100\nc;\nd;20,25\ne;nan\n").numbers("age", 0, 100)
    np.testing.assert_array_equal(numbers, [0, 100, np.nan, 20.25, np.nan])
    for text in ("abc", "250", "-3", "inf", "2O"):
        with pytest.raises(UserError, match=rf"labels\.csv.*'age'.*'{text}' in row 2"):
            read(f"path,age\na,20\n,\nb,{text}\n").numbers("age", 0, 100)


@pytest.mark.parametrize(
    ("text", "ages"),
    [
        *(("25", (25, 25)), ("25.9", (25, 25)), ("0", (0, 0)), (" 25 ", (25, 25))),
        *(("116", (100, 100)), ("100.5", (100, 100)), ("110+", (100, 100))),
        *(("25-32", (25, 32)), ("25 - 32", (25, 32)), ("25\u201332", (25, 32)), ("0-2", (0, 2))),
        *(("(25, 32)", (25, 32)), ("(25,32)", (25, 32)), ("(60, 120)", (60, 100))),
        *(("25.5-32.9", (25, 32)), ("60+", (60, 100)), ("More than 70", (70, 100))),
    ],
)
def test_ages_and_ranges(text, ages):
    assert parse_age(text) == ages


@pytest.mark.parametrize(
    "text",
    ["abc", "-3", "250", "1987", "32-25", "(32, 25)", "25,32", "25-", "-25", "2-3-4", "+",
     "25 years", "inf", "1e1", "2O", "3. Sep", "(25, 32"],
)  # fmt: skip
def test_other_ages_are_rejected(text):
    with pytest.raises(ValueError):
        parse_age(text)


def test_words_for_genders():
    for code, words in enumerate((("female", "F", "WOMAN", "w", "girl"), ("Male ", "M", "boy"))):
        assert {parse_gender(word) for word in words} == {code}


@pytest.mark.parametrize("text", ["0", "1", "1.0", "-1", "other", "fem", "x", "male/female"])
def test_other_genders_are_rejected(text):
    with pytest.raises(ValueError):
        parse_gender(text)


@pytest.mark.parametrize("text", ["", " ", "NA", "n/a", "NaN", "None", "null", "Unknown", "u", "?"])
def test_blanks_are_unknown(text):
    assert np.isnan([*parse_age(text), parse_gender(text)]).all()


@pytest.mark.parametrize("first", ["sep=;\n", '"sep=;"\r\n'])
def test_separator_line_of_excel(read, first):
    assert cells(read(f"{first}path;age\na.jpg;20\n")) == [["path", "age"], ["a.jpg", "20"]]


def test_blank_tails(read):
    assert cells(read("path,age\na.jpg,20,\nb.jpg,30,,\n"))[1:] == [
        ["a.jpg", "20"],
        ["b.jpg", "30"],
    ]
