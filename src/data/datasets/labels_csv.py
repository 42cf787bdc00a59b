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
_BOX = ("left", "top", "right", "bottom")
_ALIASES = {name: name for name in (*_LABELS, "age_std", "group", "person", *_BOX)}
_ALIASES |= dict.fromkeys(("file", "filename", "image"), "path")
_ALIASES |= {"sex": "gender", "person_id": "person"}


def read(
    data_dir: Path, labels: Path | None, encoding: str | None = None, anywhere: bool = False
) -> Records:
    """The images of the label file `labels`, or of `labels.csv` in `data_dir`.

    anywhere: whether their paths may lead out of `data_dir`; they are absolute then.
    """
    table = read_table(labels or data_dir / "labels.csv", ("path",), _ALIASES, encoding)
    if not any(name in table for name in _LABELS):
        raise UserError(
            f"{table.path}: expected one of the columns {', '.join(_LABELS)}, found none"
        )
    low, high = _ages(table)
    records = pd.DataFrame(
        {
            "path": table.paths("path", data_dir, anywhere=anywhere),
            "age_low": low,
            "age_high": high,
            "gender": table.genders("gender"),
            "group": table.texts("group"),
            "person": table.texts("person"),
            "box": table.boxes(_BOX),
        }
    )
    faces = records["path"].map(posixpath.normpath) + records["box"].map(str)
    table.check(~faces.duplicated().to_numpy(), "every path once")
    return Records(records)


def _ages(table: LabelTable) -> tuple[np.ndarray, np.ndarray]:
    """The range from age_low to age_high where it is known, else the age; float64 (N,) each."""
    low, high = table.ages("age_low")[0], table.ages("age_high")[1]
    table.check((low <= high) | (np.isnan(low) & np.isnan(high)), "age_low at most age_high")
    ages = table.spread_ages("age", "age_std") if "age_std" in table else table.ages("age")
    table.check(~((ages[1] < low) | (ages[0] > high)), "the age from age_low to age_high")
    return np.where(np.isnan(low), ages[0], low), np.where(np.isnan(high), ages[1], high)
