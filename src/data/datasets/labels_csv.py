"""Your own pictures, labelled by a CSV file.

Columns: `path`, relative to the folder; `age`, exact or a range such as 25-32, or `age_low` and
`age_high`, inclusive; `gender`, female or male; `group`, for audits; `person`, the same for all
pictures of one person. Blanks are unknown. All columns except `path` are optional.
"""

import posixpath
from pathlib import Path

import numpy as np
import pandas as pd

from ...errors import UserError
from . import Records
from .tables import LabelTable, read_table

_LABELS = ("age", "age_low", "age_high", "gender")
_ALIASES = {"file": "path", "filename": "path", "image": "path"}
_ALIASES |= {"sex": "gender", "person_id": "person"}


def read(data_dir: Path, labels: Path | None) -> Records:
    """The pictures of the label file `labels`, or of `labels.csv` in `data_dir`."""
    source = labels or data_dir / "labels.csv"
    table = read_table(source, ("path",), (*_LABELS, "group", "person"), _ALIASES)
    if not any(name in table for name in _LABELS):
        raise UserError(f"{source}: expected one of the columns {', '.join(_LABELS)}, found none")
    if ("age_low" in table) != ("age_high" in table):
        raise UserError(f"{source}: expected both age_low and age_high, found one of them")
    paths = table.paths("path", data_dir)
    _check_unique(table, paths)
    low, high = _ages(table)
    return Records(
        pd.DataFrame(
            {
                "path": paths,
                "age_low": low,
                "age_high": high,
                "gender": table.genders("gender"),
                "group": table.texts("group"),
                "person": table.texts("person"),
            }
        )
    )


def _ages(table: LabelTable) -> tuple[np.ndarray, np.ndarray]:
    """The range from age_low to age_high where it is known, else the age; float64 (N,) each."""
    low, high = table.ages("age_low")[0], table.ages("age_high")[1]
    wrong = (low > high) | (np.isnan(low) != np.isnan(high))
    if wrong.any():
        ends = [table.texts(name)[int(wrong.argmax())] for name in ("age_low", "age_high")]
        raise UserError(
            f"{table.path}: expected age_low to be at most age_high, received {ends[0]!r} and "
            f"{ends[1]!r} in row {table.row(int(wrong.argmax()))}"
        )
    exact_low, exact_high = table.ages("age")
    apart = (exact_high < low) | (exact_low > high)
    if apart.any():
        row = int(apart.argmax())
        raise UserError(
            f"{table.path}: expected the age between age_low and age_high, received "
            f"{table.texts('age')[row]!r} in row {table.row(row)}"
        )
    return np.where(np.isnan(low), exact_low, low), np.where(np.isnan(high), exact_high, high)


def _check_unique(table: LabelTable, paths: list[str]) -> None:
    first = {}
    for position, path in enumerate(map(posixpath.normpath, paths)):
        if path in first:
            raise UserError(
                f"{table.path}: expected every path once, received {paths[position]!r} in rows "
                f"{table.row(first[path])} and {table.row(position)}"
            )
        first[path] = position
