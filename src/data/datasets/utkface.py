"""UTKFace: over 20,000 faces of all ages, aligned and cropped.

Zhang, Song & Qi, "Age progression/regression by conditional adversarial autoencoder", CVPR 2017,
https://susanqq.github.io/UTKFace/. The label is the file name, `[age]_[gender]_[race]_[date].jpg`,
or with `.jpg.chip.jpg`, where gender 0 is **male**.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from src.data.datasets import Options, Records
from src.errors import UserError
from src.labels import GENDERS, MAX_AGE

MARGIN = 0.12  # measured: the median over 150 crops of what dlib's box leaves on each side
RACES = ("White", "Black", "Asian", "Indian", "Others")
_NAME = re.compile(r"(\d{1,3})_([01])_([0-4])_\d+\.jpg(\.chip\.jpg)?", re.IGNORECASE)
_UNPARSED = "name does not parse"


def read(data_dir: Path, options: Options) -> Records:
    """The faces in `data_dir` and its folders; names that do not parse are listed as skipped."""
    names = sorted(_pictures(data_dir))
    if not names:
        raise UserError(f"{data_dir}: expected UTKFace's .jpg pictures, found none")
    rows, skipped = [], []
    for name in names:
        parsed = _NAME.fullmatch(name.rpartition("/")[2])
        if not parsed:
            skipped.append((name, _UNPARSED))
            continue
        age, gender, race = (int(group) for group in parsed.groups()[:3])
        age = min(age, MAX_AGE)
        rows.append((name, age, age, _GENDER[gender], RACES[race]))
    return Records(
        pd.DataFrame(rows, columns=["path", "age_low", "age_high", "gender", "group"]),
        removed={_UNPARSED: len(skipped)},
        skipped=skipped,
        margin=MARGIN,
    )


_GENDER = (GENDERS.index("male"), GENDERS.index("female"))  # by UTKFace's code


def _pictures(data_dir: Path) -> Iterator[str]:
    """Names of the .jpg files in a folder and its folders, relative to it."""
    for folder, _, names in os.walk(data_dir, followlinks=True):
        inside = Path(folder).relative_to(data_dir)
        for name in names:
            if name.lower().endswith(".jpg"):
                yield name if inside == Path() else (inside / name).as_posix()
