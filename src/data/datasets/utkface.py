"""UTKFace: over 20,000 faces of all ages, aligned and cropped.

Zhang, Song & Qi, "Age progression/regression by conditional adversarial autoencoder", CVPR 2017,
https://susanqq.github.io/UTKFace/. The label is the file name, `[age]_[gender]_[race]_[date].jpg`,
or with `.jpg.chip.jpg`, where gender 0 is **male**.
"""

import re
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
    paths = sorted(path for path in data_dir.rglob("*") if path.suffix.lower() == ".jpg")
    if not paths:
        raise UserError(f"{data_dir}: expected UTKFace's .jpg pictures, found none")
    rows, skipped = [], []
    for path in paths:
        name = path.relative_to(data_dir).as_posix()
        parsed = _NAME.fullmatch(path.name)
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
