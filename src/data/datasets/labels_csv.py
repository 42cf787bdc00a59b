"""Your own images, labelled by a CSV file.

Columns: `path`, relative to the folder; `age`, exact or a range such as 25-32, `age` and `age_std`
of apparent ages, or `age_low` and `age_high`, inclusive; `gender`, female or male; `group`, for
audits; `person`, the same for all images of one person; `left`, `top`, `right`, `bottom`, the face
in pixels. Blanks are unknown. All columns except `path` are optional.
"""

import posixpath
from pathlib import Path

import numpy as np
import pandas as pd

from ...errors import UserError
from . import Records
from .tables import LabelTable, read_table

_LABELS = ("age", "age_low", "age_high", "gender")
_OPTIONAL = (*_LABELS, "age_std", "group", "person")
_BOX = ("left", "top", "right", "bottom")
_ALIASES = {name: name for name in (*_OPTIONAL, *_BOX)}
_ALIASES |= {"file": "path", "filename": "path", "image": "path"}
_ALIASES |= {"sex": "gender", "person_id": "person"}


def read(
    data_dir: Path, labels: Path | None, encoding: str | None = None, anywhere: bool = False
) -> Records:
    """The images of the label file `labels`, or of `labels.csv` in `data_dir`.

    anywhere: whether their paths may lead out of `data_dir`; they are absolute then.
    """
    source = labels or data_dir / "labels.csv"
    table = read_table(source, ("path",), _ALIASES, encoding)
    if not any(name in table for name in _LABELS):
        raise UserError(f"{source}: expected one of the columns {', '.join(_LABELS)}, found none")
    if ("age_low" in table) != ("age_high" in table):
        raise UserError(f"{source}: expected both age_low and age_high, found one of them")
    paths, boxes = table.paths("path", data_dir, anywhere=anywhere), table.boxes(_BOX)
    _check_unique(table, paths, boxes)
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
                "box": boxes,
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
    ages = table.spread_ages("age", "age_std") if "age_std" in table else table.ages("age")
    apart = (ages[1] < low) | (ages[0] > high)
    if apart.any():
        row = int(apart.argmax())
        raise UserError(
            f"{table.path}: expected the age between age_low and age_high, received "
            f"{table.texts('age')[row]!r} in row {table.row(row)}"
        )
    return np.where(np.isnan(low), ages[0], low), np.where(np.isnan(high), ages[1], high)


def _check_unique(table: LabelTable, paths: list[str], boxes: list) -> None:
    first = {}
    for position, (path, box) in enumerate(zip(paths, boxes, strict=True)):
        key = posixpath.normpath(path), box
        if key in first:
            raise UserError(
                f"{table.path}: expected every path once, received {path!r} in rows "
                f"{table.row(first[key])} and {table.row(position)}"
            )
        first[key] = position
