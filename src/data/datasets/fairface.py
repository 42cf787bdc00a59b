"""FairFace: 108,501 faces balanced over seven groups, with ages in ranges.

Karkkainen & Joo, "FairFace: face attribute dataset for balanced race, gender, and age for bias
measurement and mitigation", WACV 2021, https://github.com/joojs/fairface, CC BY 4.0.
"""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from src.data.datasets import Options, Records, check_paths
from src.data.datasets.tables import genders, read_table
from src.errors import UserError
from src.labels import MAX_AGE

MARGIN = 0.09  # measured as UTKFace's, of the files whose name says 0.25 of dlib's face chip


def read(data_dir: Path, options: Options) -> Records:
    """The faces of `fairface_label_{split}.csv`; "more than 70" is 70..100."""
    path = data_dir / f"fairface_label_{options.split}.csv"
    table = read_table(path, ("file", "age", "gender", "race"))
    check_paths(table["file"], path)
    ages = [_range(path, row, text) for row, text in enumerate(table["age"], 1)]
    low, high = np.array(ages, np.float64).reshape(-1, 2).T
    return Records(
        pd.DataFrame(
            {
                "path": table["file"],
                "age_low": low,
                "age_high": high,
                "gender": genders(table["gender"]),
                "group": table["race"],
            }
        ),
        margin=MARGIN,
    )


def _range(path: Path, row: int, text: str) -> tuple[int, int]:
    if text == "more than 70":
        return 70, MAX_AGE
    parsed = re.fullmatch(r"(\d+)-(\d+)", text)
    low, high = map(int, parsed.groups()) if parsed else (1, 0)
    if not low <= high <= MAX_AGE:
        raise UserError(
            f"{path}: expected an age range like '20-29', received {text!r} in row {row}"
        )
    return low, high
