"""Label files that are tables of text: CSV."""

import codecs
import io
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from ...errors import UserError
from ...faces.images import Box
from ...files import check_input_file, wrap_read_errors
from ...labels import MAX_AGE, whole_years
from .paths import relative_paths
from .values import OLDEST, parse_age, parse_gender, parse_number

_SEPARATORS = ",;\t"
_SEPARATOR_LINE = re.compile(r'"?sep=.?"?\s*', re.IGNORECASE)  # as Excel writes it on top


class LabelTable:
    """A label file's rows, (N,). Invalid cells raise `UserError` with their row.

    Attributes:
        path: the file.
        frame: cells as str, stripped, "" if blank; the index is the number of each row in the file,
            counted from 1 without the header and blank rows.
    """

    def __init__(self, path: Path, frame: pd.DataFrame, decimal_comma: bool):
        self.path, self.frame, self._decimal_comma = path, frame, decimal_comma

    def __contains__(self, column: str) -> bool:
        return column in self.frame

    def texts(self, column: str) -> pd.Series:
        """A column as str, indexed from 0; all "" if the file lacks it."""
        if column not in self.frame:
            return pd.Series([""] * len(self.frame), dtype=object)
        return self.frame[column].reset_index(drop=True)

    def paths(
        self, column: str, folder: Path, template: str = "{}", anywhere: bool = False
    ) -> list[str]:
        """Paths relative to `folder`, see `relative_paths`; template: of a cell's path."""
        paths = [template.format(text) if text else "" for text in self.texts(column)]
        return relative_paths(paths, folder, self.path, self.frame.index.tolist(), anywhere)

    def genders(self, column: str) -> np.ndarray:
        """Genders, float64 (N,); see `parse_gender`."""
        return self.parsed(column, parse_gender, "female or male")

    def ages(self, column: str) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest completed years, float64 (N,) each; see `parse_age`."""
        ends = [
            lambda text, end=end: (parse_age(text, self._decimal_comma) or (None, None))[end]
            for end in (0, 1)
        ]
        low, high = (
            self.parsed(column, end, "an age like 25 or a range like 25-32") for end in ends
        )
        return low, high

    def spread_ages(self, mean: str, deviation: str) -> tuple[np.ndarray, np.ndarray]:
        """Apparent ages: one standard deviation to each side of the mean, float64 (N,) each."""
        middle = self.numbers(mean, 0, OLDEST)
        around = np.nan_to_num(self.numbers(deviation, 0, OLDEST))
        low, high = whole_years(middle - around), whole_years(middle + around)
        return np.clip(low, 0, MAX_AGE), np.clip(high, 0, MAX_AGE)

    def numbers(self, column: str, minimum: float, maximum: float) -> np.ndarray:
        """Numbers from `minimum` to `maximum`, float64 (N,), NaN where unknown."""

        def parse(text: str) -> float | None:
            number = parse_number(text, self._decimal_comma)
            if number is not None and not minimum <= number <= maximum:
                raise ValueError(text)
            return number

        return self.parsed(column, parse, f"a number from {minimum:g} to {maximum:g}")

    def boxes(self, columns: tuple[str, str, str, str]) -> list[Box | None]:
        """Boxes of faces by their left, top, right and bottom; None where one is unknown."""
        edges = np.column_stack([self.numbers(name, -1e6, 1e6) for name in columns])
        wrong = (edges[:, :2] >= edges[:, 2:]).any(axis=1)
        self.check(~wrong, f"{columns[0]} < {columns[2]} and {columns[1]} < {columns[3]}")
        return [None if np.isnan(box).any() else Box(*box) for box in edges.tolist()]

    def check(self, right: np.ndarray, expected: str) -> None:
        """Raise `UserError` with the first row that is not `right`, bool (N,)."""
        if not right.all():
            row = int(right.argmin())
            received = ", ".join(f"{name} {text!r}" for name, text in self.frame.iloc[row].items())
            number = self.frame.index[row]
            raise UserError(
                f"{self.path}: expected {expected}, received {received} in row {number}"
            )

    def parsed(self, column: str, parse: Callable, expected: str) -> np.ndarray:
        """A column converted by `parse`, which raises `ValueError` for invalid text."""
        codes, texts = pd.factorize(self.texts(column))
        values = np.full(len(texts), np.nan)
        for code, text in enumerate(texts):
            try:
                value = parse(text)
            except ValueError:
                row = self.frame.index[int((codes == code).argmax())]
                raise UserError(
                    f"{self.path}: expected {expected} in column {column!r}, received {text!r} in "
                    f"row {row}"
                ) from None
            values[code] = np.nan if value is None else value
        return values[codes]


def read_table(
    path: Path,
    required: Iterable[str],
    aliases: Mapping[str, str] | None = None,
    encoding: str | None = None,
    header: bool | None = True,
) -> LabelTable:
    """A CSV file; case, blanks and underscores of column names are ignored.

    The separator is the one of comma, semicolon and tab that the header has; unless it is the
    comma, numbers may have a decimal comma. Blank rows and columns are dropped.

    Args:
        path: the file.
        required: names of columns.
        aliases: other names -> columns.
        encoding: one of Python's; None for UTF-8, or UTF-16 by its mark.
        header: whether the first line has the names, else the columns are `required`; None: if it
            has no number in the second column.

    Raises:
        UserError: if the file is not such a table, lacks a required column, or has one twice.
    """
    required, aliases = list(required), dict(aliases or {})
    cells, separator = _read_cells(path, encoding)
    is_named = bool(header)
    names = cells.iloc[0].tolist() if is_named else required[: cells.shape[1]]
    if header is None:
        header = cells.shape[1] > 1 and not re.fullmatch(r"[\d.,]*", cells.iloc[0, 1])
    known = {_plain(name): name for name in (*required, *aliases.values())}
    known |= {_plain(name): column for name, column in aliases.items()}
    columns = [known.get(_plain(name), name.casefold()) for name in names]
    twice = [
        text for text, name in zip(names, columns, strict=True) if name and columns.count(name) > 1
    ]
    if twice:
        raise UserError(f"{path}: expected every column once, received {', '.join(twice)}")
    for name in required:
        if name not in columns:
            found = ", ".join(filter(None, names))
            raise UserError(f"{path}: expected the column {name!r}, found {found}")
    rows = cells.iloc[int(header) :].reset_index(drop=True)
    rows.index += 1
    width = max(end for end, name in enumerate(columns, 1) if name)
    longer = (rows.iloc[:, width:] != "").any(axis=1)
    if is_named and longer.any():
        row = rows.index[longer][0]
        raise UserError(
            f"{path}: expected {width} fields as in the header, received "
            f"{separator.join(rows.loc[row])!r} in row {row}"
        )
    rows = rows.iloc[:, : len(columns)].set_axis(columns, axis=1)
    return LabelTable(path, rows.loc[:, [bool(name) for name in columns]], separator != ",")


def _read_cells(path: Path, encoding: str | None) -> tuple[pd.DataFrame, str]:
    """The cells of the lines that are not blank, as stripped str, and the separator."""
    lines = _read_text(path, encoding).splitlines(keepends=True)
    if lines and _SEPARATOR_LINE.fullmatch(lines[0]):
        del lines[0]
    header = next(filter(str.strip, lines), "")
    if not header:
        raise UserError(f"{path}: expected a table, the file is empty")
    separator = max(_SEPARATORS, key=header.count)
    with wrap_read_errors(path, "a table of text"):
        cells = pd.read_csv(
            io.StringIO("".join(lines)),
            sep=separator,
            header=None,
            names=range(max(line.count(separator) for line in lines) + 1),
            index_col=False,
            dtype=str,
            keep_default_na=False,
            skipinitialspace=True,
        )
    cells = cells.fillna("").apply(lambda column: column.str.strip())
    return cells[(cells != "").any(axis=1)], separator


def _read_text(path: Path, encoding: str | None) -> str:
    check_input_file(path, "a label file")
    data = path.read_bytes()
    is_utf_16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    encoding = encoding or ("utf-16" if is_utf_16 else "utf-8-sig")
    try:
        return data.decode(encoding)
    except LookupError as error:
        raise UserError(f"--encoding: {error}; try gbk, shift_jis or cp1252") from error
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path}: expected text in {encoding.upper()}; save it as UTF-8 (in Excel: CSV UTF-8), "
            "or pass create_db.py --encoding gbk, or another of Python's names, such as cp1252"
        ) from error


def _plain(name: str) -> str:
    """A column's name in lower case without blanks and punctuation: "agelow" for "Age (low)"."""
    return re.sub(r"[\W_]+", "", name.casefold())
