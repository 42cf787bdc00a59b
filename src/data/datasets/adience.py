"""Adience: 26,580 faces in 2,284 people's albums, with ages in ranges.

Eidinger, Enbar & Hassner, "Age and gender estimation of unfiltered faces", IEEE TIFS 9(12), 2014,
https://talhassner.github.io/home/projects/Adience/Adience-data.html. Labels are the five files
`fold_{0..4}_data.txt`; images are in `aligned/` or `faces/`, one per face, or photos with boxes.
"""

from pathlib import Path

import pandas as pd

from ...errors import UserError
from ...faces.images import Box
from . import Records
from .tables import LabelTable, read_table

_COLUMNS = ("user_id", "original_image", "face_id", "age", "gender")
_BOX = ("x", "y", "dx", "dy")
_FACES = {"aligned": "landmark_aligned_face", "faces": "coarse_tilt_aligned_face"}


def read(data_dir: Path) -> Records:
    """The faces of all folds. Faces of an album count as one person's, to stay in one part."""
    folds = sorted(data_dir.glob("fold_[0-9]_data.txt"))
    if not folds:
        raise UserError(f"{data_dir}: expected fold_0_data.txt to fold_4_data.txt, found none")
    return Records(pd.concat([_fold(read_table(path, _COLUMNS), data_dir) for path in folds]))


def _fold(table: LabelTable, data_dir: Path) -> pd.DataFrame:
    folder = next((name for name in _FACES if (data_dir / name).is_dir()), None)
    start = f"{folder}/{{0}}/{_FACES[folder]}.{{1}}.{{2}}" if folder else "{0}/{2}"
    cells = (table.texts(name) for name in ("user_id", "face_id", "original_image"))
    low, high = table.ages("age")
    sides = zip(*(table.numbers(name, -1e6, 1e6) for name in _BOX), strict=True)
    boxes = [None if folder else Box(x, y, x + dx, y + dy) for x, y, dx, dy in sides]
    return pd.DataFrame(
        {
            "path": [start.format(*row) for row in zip(*cells, strict=True)],
            "age_low": low,
            "age_high": high,
            "gender": table.genders("gender"),
            "person": table.texts("user_id"),
            "box": boxes,
        }
    )
