"""Label files that are tables of text."""

import csv
from pathlib import Path

import numpy as np
import pandas as pd

from src.errors import UserError
from src.labels import GENDERS, MAX_AGE


def read_table(path: Path, required: tuple[str, ...]) -> pd.DataFrame:
    """A CSV file as text, a row a line; "" where a field is blank, no spaces around any.

    UTF-8, with a byte order mark or without, or else Latin-1. Raises `UserError` where the file is
    missing, is no table, or lacks one of the `required` columns.
    """
    table = _read(path, header=0)
    table.columns = [str(name).strip() for name in table.columns]
    missing = [name for name in required if name not in table.columns]
    if missing:
        raise UserError(
            f"{path}: expected the column {missing[0]!r}, found {', '.join(table.columns)}"
        )
    return table


def read_rows(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    """As `read_table`, of a file that may lack the line that names the `columns`, or use ";"."""
    table = _read(path, header=None)
    if table.shape[1] < len(columns):
        raise UserError(
            f"{path}: expected {len(columns)} columns ({', '.join(columns)}), found "
            f"{table.shape[1]}"
        )
    table = table.iloc[:, : len(columns)]
    table.columns = columns
    named = pd.to_numeric(table[columns[1]].head(1), errors="coerce").isna().any()
    return table.iloc[int(named) :].reset_index(drop=True)


def _read(path: Path, header: int | None) -> pd.DataFrame:
    if not path.is_file():
        raise UserError(f"{path}: expected a label file, found nothing there")
    try:
        data = path.read_bytes()
        encoding = "utf-8-sig"
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            encoding = "latin-1"
            text = data.decode(encoding)
        separator = csv.Sniffer().sniff(text.split("\n")[0], ",;\t").delimiter if text else ","
    except csv.Error:
        separator = ","
    except OSError as error:
        raise UserError(f"{path}: could not be read: {error.strerror}") from error
    try:
        table = pd.read_csv(
            path, header=header, sep=separator, encoding=encoding, dtype=str, na_filter=False
        )
    except ValueError as error:  # pandas' parser errors are of this kind
        raise UserError(f"{path}: expected a table, it cannot be read: {error}") from error
    if not isinstance(table.index, pd.RangeIndex):  # pandas took the first field for an index
        raise UserError(f"{path}: expected no more fields in a row than the first line has")
    return table.apply(lambda column: column.str.strip())


def numbers(path: Path, table: pd.DataFrame, column: str, most: float = MAX_AGE) -> np.ndarray:
    """A column as float64 (N,), NaN where blank; `UserError` where one is not from 0 to `most`."""
    values = pd.to_numeric(table[column], errors="coerce").to_numpy(np.float64)
    given = (table[column] != "").to_numpy()
    wrong = given & ~((values >= 0) & (values <= most))
    if wrong.any():
        row = int(wrong.argmax())
        raise UserError(
            f"{path}: expected {column!r} to be a number from 0 to {most:g}, received "
            f"{table[column].iloc[row]!r} in row {row + 1}"
        )
    return values


def whole_years(ages: np.ndarray) -> np.ndarray:
    """Ages rounded to whole years, halves upwards; NaN stays."""
    return np.floor(ages + 0.5)


def genders(texts: pd.Series) -> np.ndarray:
    """Words or codes for gender as float64 (N,): 0 female, 1 male, NaN for all else.

    Takes "female", "f", "0", "male", "m" and "1" in any case.
    """
    codes = {name: code for code, name in enumerate(GENDERS)}
    codes |= {name[0]: code for name, code in codes.items()}
    codes |= {str(code): code for code in range(len(GENDERS))}
    codes |= {f"{code}.0": code for code in range(len(GENDERS))}
    return texts.str.lower().map(codes).to_numpy(np.float64)
