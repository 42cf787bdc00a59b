"""MegaAge-Asian: 43,945 faces of Asian people aged 0 to 70.

Zhang, Liu, Li & Loy, "Quantifying facial age by posterior of age comparisons", BMVC 2017,
https://mmlab.ie.cuhk.edu.hk/projects/MegaAge/. Labels are lines of `list/{split}_age.txt`, of the
files in `list/{split}_name.txt`, which are in `{split}/`. Gender is unknown.
"""

from pathlib import Path

import pandas as pd

from ...errors import UserError
from . import Records
from .tables import read_table


def read(data_dir: Path, split: str) -> Records:
    """The faces of a split, train or test."""
    names = read_table(data_dir / "list" / f"{split}_name.txt", ("name",), header=False)
    ages = read_table(data_dir / "list" / f"{split}_age.txt", ("age",), header=False)
    if len(names.frame) != len(ages.frame):
        raise UserError(f"{ages.path}: expected as many lines as in {names.path}")
    low, high = ages.ages("age")
    paths = names.paths("name", data_dir, f"{split}/{{}}")
    return Records(pd.DataFrame({"path": paths, "age_low": low, "age_high": high}))
