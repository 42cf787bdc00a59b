"""LAGENDA: 84,192 faces with ages and genders in 67,159 photos of Open Images.

Kuprashevich & Tolstykh, "MiVOLO: multi-input transformer for age and gender estimation", AIST 2023,
https://wildchlamydia.github.io/lagenda/. Labels are rows of `lagenda_annotation.csv`, one per face
or body, with the face's box; -1 is unknown.
"""

from pathlib import Path

import pandas as pd

from . import Records
from .tables import read_table

_BOX = ("face_x0", "face_y0", "face_x1", "face_y1")


def read(data_dir: Path) -> Records:
    """The faces with a box and a label."""
    table = read_table(data_dir / "lagenda_annotation.csv", ("img_name", "age", "gender", *_BOX))
    table.frame = table.frame.replace(r"-1(\.0)?", "", regex=True)
    low, high = table.ages("age")
    records = pd.DataFrame(
        {
            "path": table.paths("img_name", data_dir),
            "age_low": low,
            "age_high": high,
            "gender": table.genders("gender"),
            "box": table.boxes(_BOX),
        }
    )
    has_box = records["box"].notna()
    has_label = records["age_low"].notna() | records["gender"].notna()
    removed = {"no face box": int((~has_box).sum())}
    removed["no label"] = int((has_box & ~has_label).sum())
    return Records(records[has_box & has_label], removed)
