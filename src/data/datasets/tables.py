"""Label files: ages, genders and paths of images, and tables of text (CSV)."""

import codecs
import csv
import io
import os
import posixpath
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ...errors import UserError
from ...faces.images import Box
from ...files import check_input_file, wrap_read_errors
from ...labels import GENDERS, MAX_AGE, whole_years
from . import NAN, Records

FEMALE, MALE = map(GENDERS.index, ("female", "male"))
OLDEST = 122  # years, the longest known life; larger numbers are rejected
_UNKNOWN = {"", "na", "n/a", "#n/a", "nan", "none", "null", "unknown", "u", "?", "-"}
_GENDERS = dict.fromkeys(_UNKNOWN, NAN)
_GENDERS |= dict.fromkeys(("female", "f", "woman", "w", "girl"), FEMALE)
_GENDERS |= dict.fromkeys(("male", "m", "man", "boy"), MALE)
_NUMBER = r"(?:\d+(?:\.\d+)?)"
_AGE = re.compile(  # 25; 25-32, also with an en dash; (25, 32); 60+; FairFace's "more than 70"
    rf"{_NUMBER}|{_NUMBER}\s*[-\u2013]\s*{_NUMBER}|\({_NUMBER},\s*{_NUMBER}\)"
    rf"|(?P<open>{_NUMBER}\s*\+|more than {_NUMBER})"
)
_SEPARATORS = ",;\t"
_SEPARATOR_LINE = re.compile(r'\A\s*"?sep=.?"?\s*\n', re.IGNORECASE)  # as Excel writes it on top
_DECIMAL_COMMA = re.compile(r"(\d+),(\d+)")
_BOX = ("left", "top", "right", "bottom")
_AGE_OR_GENDER = ("age", "age_low", "age_high", "gender")
_OTHERS = ("path", "age_std", "group", "person", "left", "top", "right", "bottom")
_CSV_COLUMNS = {name: name for name in (*_AGE_OR_GENDER, *_OTHERS)}
_CSV_COLUMNS |= dict.fromkeys(("file", "filename", "image"), "path")
_CSV_COLUMNS["sex"] = "gender"


def is_unknown(text: str) -> bool:
    """Whether a label is blank or marked as unknown."""
    return text.strip().casefold() in _UNKNOWN


def parse_age(text: str) -> tuple[float, float]:
    """The lowest and highest completed year of an age or an age range, NaN where unknown.

    Decimals are completed years (25.9 is 25), and ages above 100 are 100.
    Raises `ValueError` for other text, reversed ranges and ages above `OLDEST`.
    """
    if is_unknown(text):
        return NAN, NAN
    parsed = _AGE.fullmatch(text.strip().casefold())
    if not parsed:
        raise ValueError(text)
    low, *further = map(float, re.findall(_NUMBER, parsed[0]))
    high = further[0] if further else low
    if parsed["open"]:
        high = max(low, MAX_AGE)
    if not low <= high or low > OLDEST:
        raise ValueError(text)
    return min(int(low), MAX_AGE), min(int(high), MAX_AGE)


def parse_gender(text: str) -> float:
    """0 for female, 1 for male, NaN where unknown.

    Raises `ValueError` for other text; digits too, as datasets disagree on their meaning.
    """
    word = text.strip().casefold()
    if word not in _GENDERS:
        raise ValueError(text)
    return _GENDERS[word]


def relative_paths(
    paths: Iterable[str], folder: Path, source: Path, anywhere: bool = False
) -> list[str]:
    """Paths of images in the label file `source`, relative to `folder`, with slashes.

    Absolute paths inside the folder become relative. Raises `UserError` for a path that is blank or
    leads out of the folder; with `anywhere`, such a path becomes absolute.
    """
    found = []
    for row, path in enumerate(paths, 1):
        inside = _inside(path.replace("\\", "/"), folder)
        if not inside and path and anywhere:
            inside = os.path.abspath(folder / path)
        if not inside:
            where = ("", "") if anywhere else (f" inside {folder}", " or --data_dir")
            raise UserError(
                f"{source}: expected the path of an image{where[0]}, received {path!r} in row "
                f"{row}; correct the path{where[1]}"
            )
        found.append(inside)
    return found


def _inside(path: str, folder: Path) -> str:
    """`path` relative to `folder`; "" if it is blank or leads out of it."""
    if not os.path.isabs(path):
        return "" if posixpath.normpath(path).split("/")[0] in ("..", ".") else path
    for resolve in (os.path.abspath, os.path.realpath):
        relative = os.path.relpath(resolve(path), resolve(folder))
        if relative.split(os.sep)[0] not in ("..", "."):
            return Path(relative).as_posix()
    return ""


@dataclass
class LabelTable:
    """A label file's rows, (N,). Invalid cells raise `UserError` with their row.

    Attributes:
        path: the file.
        frame: cells as str, stripped, "" if blank, without the header and blank rows.
    """

    path: Path
    frame: pd.DataFrame

    def records(self, folder: Path, template: str = "{}", anywhere: bool = False) -> pd.DataFrame:
        """The table of `Records`, from columns of its names, and `age` instead of a range, with
        `age_std` one standard deviation to each side, and `left`, `top`, `right`, `bottom`.

        folder, anywhere: see `relative_paths`.  template: of a path from its cell.
        """
        paths = [template.format(text) if text else "" for text in self.texts("path")]
        low, high = self._ranges()
        return pd.DataFrame(
            {
                "path": relative_paths(paths, folder, self.path, anywhere),
                "age_low": low,
                "age_high": high,
                "gender": self.genders("gender"),
                "group": self.texts("group"),
                "person": self.texts("person"),
                "box": self._boxes(),
            }
        )

    def texts(self, column: str) -> pd.Series:
        """A column as str; all "" if the file lacks it."""
        if column not in self.frame:
            return pd.Series([""] * len(self.frame), dtype=object)
        return self.frame[column]

    def genders(self, column: str) -> np.ndarray:
        """Genders, float64 (N,); see `parse_gender`."""
        return self.parsed(column, parse_gender, "female or male")

    def ages(self, column: str) -> np.ndarray:
        """Lowest and highest completed years, float64 (2, N); see `parse_age`."""
        return self.parsed(column, parse_age, "an age like 25 or a range like 25-32").T

    def numbers(self, column: str, minimum: float, maximum: float) -> np.ndarray:
        """Numbers from `minimum` to `maximum`, float64 (N,), NaN where unknown."""

        def parse(text: str) -> float:
            number = NAN if is_unknown(text) else float(text)
            if number < minimum or number > maximum:
                raise ValueError(text)
            return number

        return self.parsed(column, parse, f"a number from {minimum:g} to {maximum:g}")

    def parsed(self, column: str, parse: Callable, expected: str) -> np.ndarray:
        """A column converted by `parse`, float64 (N, ...), which raises `ValueError` for invalid
        text and accepts blanks."""
        codes, texts = pd.factorize(self.texts(column))
        values = [parse("")]  # for the shape of columns without rows
        for code, text in enumerate(texts):
            try:
                values.append(parse(text))
            except ValueError:
                row = int((codes == code).argmax()) + 1
                raise UserError(
                    f"{self.path}: expected {expected} in column {column!r}, received {text!r} in "
                    f"row {row}"
                ) from None
        return np.array(values, np.float64)[codes + 1]

    def check(self, right: np.ndarray, expected: str) -> None:
        """Raise `UserError` with the first row that is not `right`, bool (N,)."""
        if not right.all():
            row = int(right.argmin())
            cells = ", ".join(f"{name} {text!r}" for name, text in self.frame.iloc[row].items())
            raise UserError(f"{self.path}: expected {expected}, received {cells} in row {row + 1}")

    def _ranges(self) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest years, float64 (N,) each."""
        if "age_std" in self.frame:
            age = self.numbers("age", 0, OLDEST)
            std = np.nan_to_num(self.numbers("age_std", 0, OLDEST))
            ages = [np.clip(whole_years(end), 0, MAX_AGE) for end in (age - std, age + std)]
        else:
            ages = self.ages("age")
        low, high = self.ages("age_low")[0], self.ages("age_high")[1]
        self.check((low <= high) | (np.isnan(low) & np.isnan(high)), "age_low at most age_high")
        return np.where(np.isnan(low), ages[0], low), np.where(np.isnan(high), ages[1], high)

    def _boxes(self) -> list[Box | None]:
        """Boxes of faces; None where one of the sides is unknown."""
        sides = np.column_stack([self.numbers(name, -1e6, 1e6) for name in _BOX])
        self.check(~(sides[:, :2] >= sides[:, 2:]).any(axis=1), "left < right and top < bottom")
        return [None if np.isnan(box).any() else Box(*box) for box in sides.tolist()]


def read_table(
    path: Path,
    columns: Mapping[str, str] | None = None,
    required: Collection[str] | None = None,
    encoding: str | None = None,
    by_position: bool = False,
) -> LabelTable:
    """A CSV file; case, blanks and underscores of column names are ignored.

    The separator is the one of comma, semicolon and tab that the first line has most; unless it is
    the comma, numbers may have a decimal comma. Blank rows and unnamed columns are dropped.

    Args:
        path: the file.
        columns: names of columns in the file -> in the table, where other columns keep their name.
        required: names in the file (default: all `columns`).
        encoding: one of Python's; None for UTF-8, or UTF-16 by its byte order mark.
        by_position: whether columns have the names and order of `columns`; a first row without
            digits is skipped.

    Raises:
        UserError: if the file is not such a table, lacks a required column, or has one twice.
    """
    columns = dict(columns or {})
    rows = _read_rows(path, encoding)
    if by_position:
        names = list(columns)[: max(map(len, rows))]
        rows = rows[0 if re.search(r"\d", "".join(rows[0])) else 1 :]
    else:
        names, *rows = rows
        names = names[: max((end for end, name in enumerate(names, 1) if name), default=0)]
        longer = [any(row[len(names) :]) for row in rows]
        if any(longer):
            expected = f"{len(names)} columns, row {longer.index(True) + 1} has more"
            raise UserError(f"{path}: expected {expected}")
    known = {_plain(name): column for name, column in columns.items()}
    found = [known.get(_plain(name), name.casefold()) for name in names]
    listed = ", ".join(filter(None, names))
    if any(name and found.count(name) > 1 for name in found):
        raise UserError(f"{path}: expected every column once, received {listed}")
    for name in columns if required is None else required:
        if columns[name] not in found:
            raise UserError(f"{path}: expected the column {name!r}, found {listed}")
    cells = [(row + [""] * len(found))[: len(found)] for row in rows]
    frame = pd.DataFrame(cells, columns=found, dtype=object)
    return LabelTable(path, frame.loc[:, [bool(name) for name in names]])


def _read_rows(path: Path, encoding: str | None) -> list[list[str]]:
    """The rows of a CSV file that are not blank, with stripped cells."""
    text = _SEPARATOR_LINE.sub("", _read_text(path, encoding))
    first = next((line for line in text.splitlines() if line.strip()), "")
    separator = max(_SEPARATORS, key=first.count)

    def clean(cell: str) -> str:
        decimal = None if separator == "," else _DECIMAL_COMMA.fullmatch(cell.strip())
        return f"{decimal[1]}.{decimal[2]}" if decimal else cell.strip()

    with wrap_read_errors(path, "a table of text"):
        lines = csv.reader(
            io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True, strict=True
        )
        rows = [[*map(clean, line)] for line in lines]
    rows = [row for row in rows if any(row)]
    if not rows:
        raise UserError(f"{path}: expected a table of text, the file is empty")
    return rows


def read_csv(
    data_dir: Path, labels: Path | None, encoding: str | None = None, anywhere: bool = False
) -> Records:
    """Your own images: those of the label file `labels`, or of `labels.csv` in `data_dir`.

    anywhere: whether their paths may lead out of `data_dir`; they are absolute then.
    """
    table = read_table(labels or data_dir / "labels.csv", _CSV_COLUMNS, ("path",), encoding)
    if not any(name in table.frame for name in _AGE_OR_GENDER):
        raise UserError(f"{table.path}: expected one of the columns {', '.join(_AGE_OR_GENDER)}")
    records = table.records(data_dir, anywhere=anywhere)
    faces = records["path"].map(posixpath.normpath) + records["box"].map(str)
    table.check(~faces.duplicated().to_numpy(), "every path once")
    return Records(records)


def _read_text(path: Path, encoding: str | None) -> str:
    check_input_file(path, "a label file")
    data = path.read_bytes()
    is_utf_16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    encoding = encoding or ("utf-16" if is_utf_16 else "utf-8-sig")
    try:
        return data.decode(encoding)
    except (LookupError, UnicodeError) as error:
        raise UserError(
            f"{path}: {error}; save it as UTF-8 (in Excel: CSV UTF-8), or pass create_db.py "
            "--encoding gbk, or another of Python's names, such as cp1252"
        ) from error


def _plain(name: str) -> str:
    """A column's name in lower case without blanks and punctuation: "agelow" for "Age (low)"."""
    return re.sub(r"[\W_]+", "", name.casefold())
