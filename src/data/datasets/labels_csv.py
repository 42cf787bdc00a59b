"""Your own pictures, labelled by a CSV file.

Its columns are `path,age,age_low,age_high,gender,group`: `path` is relative to the folder; an age
is exact (`age`) or a range (`age_low`, `age_high`, inclusive); gender is female or male; `group`
serves audits. Blanks mean unknown, and columns that are all blank can be left out.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from src.data.datasets import Options, Records, check_paths
from src.data.datasets.tables import genders, numbers, read_table, whole_years
from src.errors import UserError

_LABELS = ("age", "age_low", "age_high", "gender")


def read(data_dir: Path, options: Options) -> Records:
    """The pictures of `options.labels`, or of `labels.csv` in `data_dir`."""
    source = options.labels or data_dir / "labels.csv"
    table = read_table(source, ("path",))
    if not any(name in table for name in _LABELS):
        raise UserError(f"{source}: expected one of the columns {', '.join(_LABELS)}, found none")
    if ("age_low" in table) != ("age_high" in table):
        raise UserError(f"{source}: expected both age_low and age_high, found one of them")
    _check_unique(source, table["path"])
    check_paths(table["path"], source)
    table = table.reindex(columns=["path", *_LABELS, "group"], fill_value="")
    ages = {name: whole_years(numbers(source, table, name)) for name in _LABELS[:3]}
    low, high = ages["age_low"], ages["age_high"]
    wrong = (low > high) | (np.isnan(low) != np.isnan(high))
    if wrong.any():
        row = int(wrong.argmax())
        raise UserError(
            f"{source}: expected age_low to be at most age_high, received "
            f"{table['age_low'][row]!r} and {table['age_high'][row]!r} in row {row + 1}"
        )
    low, high = (np.where(np.isnan(end), ages["age"], end) for end in (low, high))
    gender = genders(table["gender"])
    columns = {"path": table["path"], "age_low": low, "age_high": high, "gender": gender}
    return Records(pd.DataFrame(columns | {"group": table["group"]}))


def _check_unique(source: Path, paths: pd.Series) -> None:
    twice = paths.duplicated()
    if twice.any():
        row = int(twice.to_numpy().argmax())
        first = int((paths == paths[row]).to_numpy().argmax())
        raise UserError(
            f"{source}: expected every path once, received {paths[row]!r} in rows {first + 1} and "
            f"{row + 1}"
        )
