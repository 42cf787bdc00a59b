"""FairFace: 108,501 faces balanced over seven groups, with ages in ranges.

Karkkainen & Joo, "FairFace: face attribute dataset for balanced race, gender, and age for bias
measurement and mitigation", WACV 2021, https://github.com/joojs/fairface, CC BY 4.0.
"""

from pathlib import Path

import pandas as pd

from . import Records
from .tables import read_table

MARGIN = 0.09  # measured as for UTKFace, on the pictures with padding 0.25


def read(data_dir: Path, split: str) -> Records:
    """The faces of `fairface_label_{split}.csv`; "more than 70" is 70..100."""
    table = read_table(data_dir / f"fairface_label_{split}.csv", ("file", "age", "gender", "race"))
    low, high = table.ages("age")
    return Records(
        pd.DataFrame(
            {
                "path": table.paths("file", data_dir),
                "age_low": low,
                "age_high": high,
                "gender": table.genders("gender"),
                "group": table.texts("race"),
            }
        ),
        margin=MARGIN,
    )
