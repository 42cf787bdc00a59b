import numpy as np
import pytest

from src.data.datasets.tables import read_rows, read_table
from src.errors import UserError

ROWS = [["é/a.jpg", "20"], ["b.jpg", ""]]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "labels.csv"


def cells(table):
    return [list(table.frame.columns), *table.frame.to_numpy().tolist()]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_separators_and_line_ends(path, separator, line_end):
    lines = [["path", "age"], *ROWS]
    path.write_bytes(line_end.join(separator.join(line) for line in lines).encode())
    assert cells(read_table(path, ("path", "age"))) == lines


@pytest.mark.parametrize(
    ("encoding", "guess"),
    [
        *(("utf-8", ""), ("utf-8-sig", ""), ("utf-16", ""), ("utf-16-le", ""), ("utf-16-be", "")),
        *(("utf-32", ""), ("latin-1", "windows-1252"), ("cp1252", "windows-1252")),
    ],
)
def test_encodings_and_guesses(path, capsys, encoding, guess):
    path.write_bytes("path,group\né/Zoë.jpg,café\n".encode(encoding))
    assert cells(read_table(path, ("path",)))[1] == ["é/Zoë.jpg", "café"]
    assert guess in capsys.readouterr().err if guess else capsys.readouterr().err == ""


def test_gbk_is_guessed(path, capsys):
    path.write_bytes("path,group\n张伟/照片1.jpg,汉族\n".encode("gbk"))
    assert cells(read_table(path, ("path",)))[1] == ["张伟/照片1.jpg", "汉族"]
    (line,) = capsys.readouterr().err.splitlines()
    assert str(path) in line and "GBK" in line


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
    ],
    ids=[
        "sep",
        "sep of tabs",
        "quoted sep",
        "blank tails",
        "long rows",
        "blank lines",
        "index",
        "quotes",
    ],
)
def test_files_of_spreadsheets(path, content):
    path.write_bytes(content.encode())
    assert cells(read_table(path, ("path", "age"))) == [["path", "age"], ["a.jpg", "20"]]


def test_column_case_and_aliases(path):
    path.write_text("\ufeffPATH , Age-Low,AgeHigh,Sex,Extra\na.jpg,20,30,f,x\n")
    table = read_table(path, ("path",), ("age_low", "age_high", "gender"), {"sex": "gender"})
    assert list(table.frame.columns) == ["path", "age_low", "age_high", "gender", "extra"]


@pytest.mark.parametrize(
    ("header", "received"),
    [
        *(("path,gendre", "gendre"), ("path,age_hi", "age_hi"), ("path,gnder,age", "gnder")),
        *(("path,ages", "ages"), ("path,sexe", "sexe"), ("path,age_years", "age_years")),
        ("path,Real Age", "real age"),
    ],
)
def test_misspelt_columns_are_named(path, header, received):
    path.write_text(header + "\n")
    with pytest.raises(UserError, match=rf"labels\.csv.*'{received}'"):
        read_table(path, ("path",), ("age", "age_high", "gender"), {"sex": "gender"})


def test_further_columns_next_to_ours(path):
    path.write_text("path,age,age_group,image,page,face_score\n")
    read_table(path, ("path",), ("age", "gender"))


@pytest.mark.parametrize("header", ["path,age,age", "path,age,Age ", "path,sex,gender", "path,x,x"])
def test_column_twice_is_refused(path, header):
    path.write_text(header + "\n")
    with pytest.raises(UserError, match=rf"labels\.csv.*'({header.split(',')[-1].strip()})'"):
        read_table(path, ("path",), ("age", "gender"), {"sex": "gender"})


def test_missing_column_is_named(path):
    path.write_text("file,age\na.jpg,20\n")
    with pytest.raises(UserError, match=r"labels\.csv.*'path'.*file, age"):
        read_table(path, ("path",))


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"", ""),
        (b"path,age\na.jpg,20\nb.jpg,30,40\n", "line 3"),
        (b'path,age\n"a.jpg,20\n', "line"),
        (b"path,age\n" + b"x" * 2001 + b",20\n", "line 2"),
        (b"path,age\na.jpg,20\0\n", "binary"),
        (b"\x1f\x8b\x08\x00" + bytes(range(256)), "binary"),
        (b"\xff\xfep\x00a", "UTF-16"),
    ],
    ids=["empty", "long row", "open quotes", "long field", "NUL", "gzip", "half a character"],
)
def test_other_content_is_refused(path, content, place):
    path.write_bytes(content)
    with pytest.raises(UserError, match=rf"labels\.csv: .*{place}"):
        read_table(path, ("path",))


@pytest.mark.parametrize("header", ["", "image,mean,stdv\n", "Name,Age,Spread,More\n"])
def test_rows_with_and_without_header(path, header):
    path.write_text(f"{header}a.jpg,,\nb.jpg,20.5,3\n")
    table = read_rows(path, ("image", "mean", "stdv"))
    assert cells(table) == [["image", "mean", "stdv"], ["a.jpg", "", ""], ["b.jpg", "20.5", "3"]]


def test_too_few_columns_are_refused(path):
    path.write_text("a.jpg,20\n")
    with pytest.raises(UserError, match=r"labels\.csv.*image, mean, stdv.* 2$"):
        read_rows(path, ("image", "mean", "stdv"))


def test_numbers_within_their_range(path):
    path.write_text("path;age\na;0\nb;100\nc;\nd;20,25\ne;nan\n")
    numbers = read_table(path, ("path",)).numbers("age", 100)
    np.testing.assert_array_equal(numbers, [0, 100, np.nan, 20.25, np.nan])
    for text_ in ("abc", "250", "-3", "inf", "2O"):
        path.write_text(f"path,age\na,20\n,\nb,{text_}\n")
        with pytest.raises(UserError, match=rf"labels\.csv.*'age'.*'{text_}' in row 2"):
            read_table(path, ("path",)).numbers("age", 100)
