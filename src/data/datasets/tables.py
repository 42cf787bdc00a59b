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
_SEPARATOR_LINE = re.compile(r'"?sep=.?"?', re.IGNORECASE)  # as Excel writes it above the header


class LabelTable:
    """A label file's rows.

    Attributes:
        path: the file.
        frame: cells as str, stripped, "" if blank; the index is the number of each row in the file,
            counted from 1 without the header and blank rows.
    """

    def __init__(self, path: Path, frame: pd.DataFrame, decimal_comma: bool):
        self.path, self.frame = path, frame
        self._decimal_comma = decimal_comma

    def __len__(self) -> int:
        return len(self.frame)

    def __contains__(self, column: str) -> bool:
        return column in self.frame

    def row(self, position: int) -> int:
        """The row number in the file of the row at `position`, counted from 0."""
        return int(self.frame.index[position])

    def texts(self, column: str) -> pd.Series:
        """A column as str, (N,), indexed from 0; all "" if the file lacks it."""
        if column not in self:
            return pd.Series([""] * len(self), dtype=object)
        return self.frame[column].reset_index(drop=True)

    def words(self, column: str, allowed: tuple[str, ...]) -> list[str]:
        """A column of words in lower case, (N,)."""
        expected = ", ".join(filter(None, allowed))
        codes = self._parsed(column, lambda text: allowed.index(text.lower()), expected)
        return [allowed[int(code)] for code in codes]

    def paths(
        self, column: str, folder: Path, template: str = "{}", anywhere: bool = False
    ) -> list[str]:
        """Paths relative to `folder`, see `relative_paths`; template: of a cell's path."""
        paths = [template.format(text) if text else "" for text in self.texts(column)]
        return relative_paths(paths, folder, self.path, self.frame.index.tolist(), anywhere)

    def genders(self, column: str) -> np.ndarray:
        """Genders, float64 (N,): 0 female, 1 male, NaN where unknown; see `parse_gender`."""
        return self._parsed(column, parse_gender, "female or male")

    def ages(self, column: str) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest completed years, float64 (N,) each, NaN where unknown; see
        `parse_age`."""

        def end(number: int) -> Callable[[str], int | None]:
            return lambda text: (parse_age(text, self._decimal_comma) or (None, None))[number]

        expected = "an age like 25 or a range like 25-32"
        return self._parsed(column, end(0), expected), self._parsed(column, end(1), expected)

    def spread_ages(self, mean: str, deviation: str) -> tuple[np.ndarray, np.ndarray]:
        """Apparent ages: one standard deviation to each side of the mean, float64 (N,) each."""
        middle = self.numbers(mean, 0, OLDEST)
        around = np.nan_to_num(self.numbers(deviation, 0, OLDEST))
        ends = whole_years(middle - around), whole_years(middle + around)
        return tuple(np.clip(end, 0, MAX_AGE) for end in ends)

    def numbers(self, column: str, minimum: float, maximum: float) -> np.ndarray:
        """Numbers from `minimum` to `maximum`, float64 (N,), NaN where unknown."""

        def parse(text: str) -> float | None:
            number = parse_number(text, self._decimal_comma)
            if number is not None and not minimum <= number <= maximum:
                raise ValueError(text)
            return number

        return self._parsed(column, parse, f"a number from {minimum:g} to {maximum:g}")

    def boxes(self, columns: tuple[str, str, str, str]) -> list[Box | None]:
        """Boxes of faces by their left, top, right and bottom; None where one is unknown."""
        edges = np.column_stack([self.numbers(name, -1e6, 1e6) for name in columns])
        wrong = (edges[:, :2] >= edges[:, 2:]).any(axis=1)
        if wrong.any():
            row = int(wrong.argmax())
            raise UserError(
                f"{self.path}: expected a box with left < right and top < bottom, received "
                f"{edges[row].tolist()} in row {self.row(row)}"
            )
        return [None if np.isnan(box).any() else Box(*box) for box in edges.tolist()]

    def _parsed(self, column: str, parse: Callable, expected: str) -> np.ndarray:
        """A column converted by `parse`, which raises `ValueError` for invalid text."""
        codes, texts = pd.factorize(self.texts(column))
        values = np.full(len(texts), np.nan)
        for code, text in enumerate(texts):
            try:
                value = parse(text)
            except ValueError:
                row = self.row(int((codes == code).argmax()))
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
) -> LabelTable:
    """A CSV file with a header; case, blanks and underscores of column names are ignored.

    The separator is the one of comma, semicolon and tab that the header has; unless it is the
    comma, numbers may have a decimal comma. Blank rows and columns are dropped.

    Args:
        path: the file.
        required: names of columns.
        aliases: other names -> columns.
        encoding: one of Python's; None for UTF-8, or UTF-16 by its mark.

    Raises:
        UserError: if the file is not such a table, lacks a required column, or has one twice.
    """
    cells, separator = _read_cells(path, encoding)
    header, rows = cells.iloc[0], cells.iloc[1:].reset_index(drop=True)
    known = {_plain(name): name for name in (*required, *(aliases or {}).values())}
    known |= {_plain(name): column for name, column in (aliases or {}).items()}
    names = [known.get(_plain(name), name.casefold()) for name in header]
    twice = [
        text for text, name in zip(header, names, strict=True) if name and names.count(name) > 1
    ]
    if twice:
        raise UserError(
            f"{path}: expected every column once, received {', '.join(map(repr, twice))}; keep one"
        )
    missing = [name for name in required if name not in names]
    if missing:
        found = ", ".join(filter(None, header))
        raise UserError(f"{path}: expected the column {missing[0]!r}, found {found}")
    width = max((end for end, name in enumerate(names, 1) if name), default=0)
    longer = (rows.iloc[:, width:] != "").any(axis=1).to_numpy()
    if longer.any():
        row = int(longer.argmax())
        raise UserError(
            f"{path}: expected {width} fields as in the header, received "
            f"{separator.join(rows.iloc[row])!r} in row {row + 1}"
        )
    rows.columns, rows.index = names, rows.index + 1
    return LabelTable(path, rows.loc[:, [bool(name) for name in names]], separator != ",")


def read_rows(path: Path, columns: tuple[str, ...]) -> LabelTable:
    """As `read_table`, for a file of `columns` and perhaps more, with or without a header.

    A header has no number in the second and further columns; a file of one column has none.
    """
    cells, separator = _read_cells(path)
    width, found = len(columns), cells.shape[1]
    if found < width:
        raise UserError(f"{path}: expected {width} columns ({', '.join(columns)}), found {found}")
    is_header = width > 1 and not cells.iloc[0, 1:width].str.fullmatch(r"[\d.,]*").any()
    rows = cells.iloc[int(is_header) :, :width].reset_index(drop=True)
    rows.columns, rows.index = columns, rows.index + 1
    return LabelTable(path, rows, separator != ",")


def _read_cells(path: Path, encoding: str | None = None) -> tuple[pd.DataFrame, str]:
    """The cells of the lines that are not blank, as stripped str, and the separator."""
    text = _read_text(path, encoding)
    lines = text.splitlines()
    if lines and _SEPARATOR_LINE.fullmatch(lines[0].strip()):
        text, lines = text[len(lines[0]) :], lines[1:]
    header = next(filter(str.strip, lines), "")
    if not header:
        raise UserError(f"{path}: expected a table, the file is empty")
    separator = max(_SEPARATORS, key=header.count)
    widest = max(line.count(separator) for line in lines) + 1
    with wrap_read_errors(path, "a table of text"):
        cells = pd.read_csv(
            io.StringIO(text),
            sep=separator,
            header=None,
            names=range(widest),
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
    try:
        text = data.decode(encoding or ("utf-16" if is_utf_16 else "utf-8-sig"))
    except LookupError as error:
        raise UserError(f"--encoding: {error}; try gbk, shift_jis or cp1252") from error
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path}: expected text in {encoding or 'UTF-8'}; save it as UTF-8 (in Excel: CSV "
            "UTF-8), or pass create_db.py --encoding gbk, or another of Python's names, such as "
            "cp1252"
        ) from error
    if "\0" in text:
        raise UserError(f"{path}: expected a table of text, received binary data")
    return text


def _plain(name: str) -> str:
    """A column's name in lower case without blanks and punctuation: "agelow" for "Age (low)"."""
    return re.sub(r"[\W_]+", "", name.casefold())
