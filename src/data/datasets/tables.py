"""Label files that are tables of text: CSV in any of its dialects."""

import csv
import difflib
import io
import re
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from ...errors import UserError
from .paths import relative_paths
from .text import read_text
from .values import is_unknown, parse_age, parse_gender, parse_number

_SEPARATORS = "\t;|,"  # the first one wins if several are equally frequent in the header
_SEPARATOR_LINE = re.compile(r'"?sep=([,;|\t])"?', re.IGNORECASE)  # as Excel writes and reads it
_BLANKS = " \t\r\n\v\f\xa0\ufeff\u200b"
_LONGEST = 2000  # maximum number of characters of a cell
_SIMILAR = 0.8  # ratio of `difflib` from which a column is a misspelling


class LabelTable:
    """A label file's rows.

    frame: cells as str, stripped, "" if blank; the index is the number of each row in the file,
        counted from 1 without the header.
    """

    def __init__(self, path: Path, frame: pd.DataFrame, decimal_comma: bool):
        self.path, self.frame = path, frame
        self._decimal_comma = decimal_comma

    def __len__(self) -> int:
        return len(self.frame)

    def __contains__(self, column: str) -> bool:
        return column in self.frame

    def texts(self, column: str) -> pd.Series:
        """A column as str, (N,), indexed from 0; all "" if the file lacks it."""
        if column not in self:
            return pd.Series([""] * len(self), dtype=object)
        return self.frame[column].reset_index(drop=True)

    def paths(self, column: str, folder: Path) -> list[str]:
        """Paths relative to `folder`; see `relative_paths`."""
        return relative_paths(self.texts(column), folder, self.path, self.frame.index.tolist())

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

    def numbers(self, column: str, maximum: float) -> np.ndarray:
        """Numbers from 0 to `maximum`, float64 (N,), NaN where unknown."""

        def parse(text: str) -> float | None:
            number = parse_number(text, self._decimal_comma)
            if number is not None and not 0 <= number <= maximum:
                raise ValueError(text)
            return number

        return self._parsed(column, parse, f"a number from 0 to {maximum:g}")

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

    def row(self, position: int) -> int:
        """The row number in the file of the row at `position`, counted from 0."""
        return int(self.frame.index[position])


def read_table(
    path: Path,
    required: Iterable[str],
    optional: Iterable[str] = (),
    aliases: dict[str, str] | None = None,
) -> LabelTable:
    """A CSV file with a header; the case of column names is ignored.

    required, optional: columns by name.  aliases: other names -> columns.
    Separators are commas, semicolons, tabs or bars; unless they are commas, numbers may have a
    decimal comma. Blank rows and columns are dropped; unknown columns are kept, in lower case.
    Raises `UserError` if the file is not such a table, lacks a required column, or has a column
    twice or with a name similar to an optional one.
    """
    lines, separator = _read(path)
    if not lines:
        raise UserError(f"{path}: expected a table, the file is empty")
    optional, aliases = tuple(optional), aliases or {}
    known = {_plain(name): name for name in (*required, *optional)}
    known |= {_plain(name): column for name, column in aliases.items()}
    (_, header), *rows = lines
    names = [known.get(_plain(name), name.casefold()) for name in header]
    twice = next((name for name, count in Counter(names).items() if count > 1 and name), None)
    if twice:
        same = [text for text, name in zip(header, names, strict=True) if name == twice]
        raise UserError(
            f"{path}: expected every column once, received {', '.join(map(repr, same))}; keep one"
        )
    for name in required:
        if name not in names:
            raise UserError(f"{path}: expected the column {name!r}, found {', '.join(header)}")
    _check_spelling(path, names, optional, known)
    return _table(path, names, rows, separator)


def read_rows(path: Path, columns: tuple[str, ...]) -> LabelTable:
    """As `read_table`, for a file that begins with `columns`, with or without a header."""
    lines, separator = _read(path)
    decimal_comma = separator != ","
    if lines and _names_columns(lines[0][1][1:], decimal_comma):
        lines = lines[1:]
    widest = max((len(cells) for _, cells in lines), default=len(columns))
    if widest < len(columns):
        raise UserError(
            f"{path}: expected {len(columns)} columns ({', '.join(columns)}), found {widest}"
        )
    rows = [(line, cells[: len(columns)]) for line, cells in lines]
    return _table(path, list(columns), rows, separator)


def _names_columns(cells: list[str], decimal_comma: bool) -> bool:
    """Whether the cells are column names, which are not numbers."""

    def is_number(text: str) -> bool:
        try:
            return parse_number(text, decimal_comma) is not None
        except ValueError:
            return False

    given = [cell for cell in cells if not is_unknown(cell)]
    return bool(given) and not any(map(is_number, given))


def _read(path: Path) -> tuple[list[tuple[int, list[str]]], str]:
    """The lines that are not blank, as line number and cells, and the separator."""
    text = read_text(path)
    first = next(filter(str.strip, text.splitlines()), "")
    named = _SEPARATOR_LINE.fullmatch(first.strip(" \ufeff"))
    separator = named[1] if named else max(_SEPARATORS, key=first.count)
    lines = csv.reader(
        io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True, strict=True
    )
    try:
        rows = [(lines.line_num, [cell.strip(_BLANKS) for cell in cells]) for cells in lines]
    except csv.Error as error:
        raise UserError(
            f"{path}: expected a table, line {lines.line_num} cannot be read: {error}"
        ) from error
    for number, cells in rows:
        longest = max(cells, key=len, default="")
        if len(longest) > _LONGEST:
            raise UserError(
                f"{path}: expected fields of at most {_LONGEST} characters, received "
                f"{len(longest):,} in line {number}, {longest[:20]!r} ...; is a quote missing?"
            )
    rows = [(number, cells) for number, cells in rows if any(cells)]
    return rows[1:] if named else rows, separator


def _table(
    path: Path, names: list[str], lines: list[tuple[int, list[str]]], separator: str
) -> LabelTable:
    """A table of `lines`, padded to the number of `names`; surplus cells must be blank."""
    width = len(names)
    for number, cells in lines:
        if any(cells[width:]):
            raise UserError(
                f"{path}: expected {width} fields as in the first line, received {len(cells)} in "
                f"line {number}"
            )
    rows = [cells[:width] + [""] * (width - len(cells)) for _, cells in lines]
    frame = pd.DataFrame(rows, columns=names, index=range(1, len(rows) + 1), dtype=object)
    return LabelTable(path, frame.loc[:, [bool(name) for name in names]], separator != ",")


def _check_spelling(
    path: Path, names: list[str], optional: tuple[str, ...], known: dict[str, str]
) -> None:
    """Raise `UserError` if a column is similar to a missing optional one."""
    missing = {plain: name for plain, name in known.items() if name in optional}
    missing = {plain: name for plain, name in missing.items() if name not in names}
    for name in filter(None, names):
        if name in known.values():
            continue
        near = difflib.get_close_matches(_plain(name), missing, 1, _SIMILAR)
        words = re.split(r"[^a-z]+", name)
        near += [plain for plain in missing if plain in words]
        if near:
            raise UserError(
                f"{path}: expected the column {missing[near[0]]!r}, received {name!r}; rename it, "
                "or delete it if it is something else"
            )


def _plain(name: str) -> str:
    """A column's name in lower case without blanks and punctuation: "agelow" for "Age (low)"."""
    return re.sub(r"[\W_]+", "", name.casefold())
