import numpy as np
import pytest

from src.data.datasets.tables import read_table
from src.errors import UserError

ROWS = [["é/a.jpg", "20"], ["b.jpg", ""]]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "labels.csv"


def cells(table):
    return [list(table.frame.columns), *table.frame.to_numpy().tolist()]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_separators_and_line_ends(path, separator, line_end):
    lines = [["path", "age"], *ROWS]
    path.write_bytes(line_end.join(separator.join(line) for line in lines).encode())
    assert cells(read_table(path, ("path", "age"))) == lines


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_unicode_encodings(path, encoding):
    path.write_bytes("path,group\né/张伟.jpg,café\n".encode(encoding))
    assert cells(read_table(path, ("path",)))[1] == ["é/张伟.jpg", "café"]


@pytest.mark.parametrize(("encoding", "text"), [("gbk", "张伟/照片1.jpg"), ("cp1252", "Zoë.jpg")])
def test_other_encodings_are_named(path, encoding, text):
    path.write_bytes(f"path,age\n{text},20\n".encode(encoding))
    with pytest.raises(UserError, match=r"labels\.csv: .*UTF-8.*--encoding gbk"):
        read_table(path, ("path",))
    assert cells(read_table(path, ("path",), encoding=encoding))[1] == [text, "20"]
    with pytest.raises(UserError, match=r"--encoding: .*latin99"):
        read_table(path, ("path",), encoding="latin99")


@pytest.mark.parametrize(
    "content",
    [
        "sep=;\r\npath;age\r\na.jpg;20\r\n",
        "sep=\t\npath\tage\na.jpg\t20\n",
        '"sep=;"\npath;age\na.jpg;20\n',
        "path;age;;\na.jpg;20;;\n;;;\n;;;\n",
        "path;age\na.jpg;20;;;\n\n   \n",
        "\n\npath;age\n\na.jpg;20",
        ';path;age\n0;a.jpg;20\n"";;\n',
        'path; "age"\n"a.jpg"; "20"\n',
        "path,age\na.jpg,20\n",
    ],
)
def test_files_of_spreadsheets(path, content):
    path.write_bytes(content.encode())
    assert cells(read_table(path, ("path", "age"))) == [["path", "age"], ["a.jpg", "20"]]


def test_one_column_and_short_rows(path):
    path.write_text("path\nhappy.jpg\n")
    assert cells(read_table(path, ("path",))) == [["path"], ["happy.jpg"]]
    path.write_text('path,age,group\n"a,b.jpg"\nNA,,None\n')
    assert cells(read_table(path, ("path",)))[1:] == [["a,b.jpg", "", ""], ["NA", "", "None"]]


def test_column_case_and_aliases(path):
    path.write_text("\ufeffPATH , Age-Low,AgeHigh,Sex,Extra\na.jpg,20,30,f,x\n")
    aliases = {"sex": "gender", "age_low": "age_low", "age_high": "age_high"}
    table = read_table(path, ("path",), aliases)
    assert list(table.frame.columns) == ["path", "age_low", "age_high", "gender", "extra"]


@pytest.mark.parametrize("header", ["path,age,age", "path,age,Age ", "path,sex,gender", "path,x,x"])
def test_column_twice_is_refused(path, header):
    path.write_text(header + "\n")
    with pytest.raises(UserError, match=rf"labels\.csv.*({header.split(',')[-1].strip()})$"):
        read_table(path, ("path",), {"sex": "gender"})


def test_missing_column_is_named(path):
    path.write_text("file,age\na.jpg,20\n")
    with pytest.raises(UserError, match=r"labels\.csv.*'path'.*file, age"):
        read_table(path, ("path",))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"path,age\na.jpg,20\nb.jpg,30,40\n", "'b.jpg,30,40' in row 2"),
        (b'path,age\n"a.jpg,20\n', "cannot be read"),
        (b"\x1f\x8b\x08\x00" + bytes(range(256)), "UTF-8"),
    ],
    ids=["empty", "long row", "open quotes", "gzip"],
)
def test_other_content_is_refused(path, content, reason):
    path.write_bytes(content)
    with pytest.raises(UserError, match=rf"labels\.csv: .*{reason}"):
        read_table(path, ("path",))


@pytest.mark.parametrize("header", ["", "image,mean,stdv\n", "Name,Age,Spread,More\n"])
def test_rows_with_and_without_header(path, header):
    path.write_text(f"{header}a.jpg,,\nb.jpg,20.5,3\n" if header else "a.jpg,,2\nb.jpg,20.5,3\n")
    table = read_table(path, ("image", "mean", "stdv"), header=None)
    assert table.texts("image").tolist() == ["a.jpg", "b.jpg"]
    assert table.texts("mean").tolist() == ["", "20.5"]


def test_too_few_columns_are_refused(path):
    path.write_text("a.jpg,20\n")
    with pytest.raises(UserError, match=r"labels\.csv.*'stdv', found image, mean"):
        read_table(path, ("image", "mean", "stdv"), header=None)


def test_numbers_within_their_range(path):
    path.write_text("path;age\na;0\nb;100\nc;\nd;20,25\ne;nan\n")
    numbers = read_table(path, ("path",)).numbers("age", 0, 100)
    np.testing.assert_array_equal(numbers, [0, 100, np.nan, 20.25, np.nan])
    for text in ("abc", "250", "-3", "inf", "2O"):
        path.write_text(f"path,age\na,20\n,\nb,{text}\n")
        with pytest.raises(UserError, match=rf"labels\.csv.*'age'.*'{text}' in row 2"):
            read_table(path, ("path",)).numbers("age", 0, 100)


def test_boxes(path):
    path.write_text("path,l,t,r,b\na,1,2,3.5,4\nb,,,,\n")
    boxes = read_table(path, ("path",)).boxes(("l", "t", "r", "b"))
    assert boxes == [(1, 2, 3.5, 4), None]
    path.write_text("path,l,t,r,b\na,1,2,3,4\nb,5,2,3,4\n")
    with pytest.raises(UserError, match=r"labels\.csv.*l < r.*'5'.*in row 2"):
        read_table(path, ("path",)).boxes(("l", "t", "r", "b"))
