"""UTKFace: over 20,000 faces of all ages, aligned and cropped.

Zhang, Song & Qi, "Age progression/regression by conditional adversarial autoencoder", CVPR 2017,
https://susanqq.github.io/UTKFace/. The label is the file name, `[age]_[gender]_[race]_[date].jpg`
or `.jpg.chip.jpg` (some with a blank before it), where gender 0 is **male**.
"""

import re
from pathlib import Path

from ...labels import GENDERS, MAX_AGE
from . import Records
from .names import read_names

MARGIN = 0.12  # median space on each side of dlib's box, in 150 crops
RACES = ("White", "Black", "Asian", "Indian", "Others")
_NAME = re.compile(r"(\d{1,3})_([01])_([0-4])_\d+ ?\.jpg(\.chip\.jpg)?", re.IGNORECASE)
_GENDER = (GENDERS.index("male"), GENDERS.index("female"))  # by UTKFace's code


def read(data_dir: Path) -> Records:
    """The faces in `data_dir` and its folders; ages above 100 become 100."""
    return read_names(data_dir, _NAME, _labels, MARGIN)


def _labels(name: re.Match) -> dict:
    age, gender, race = map(int, name.groups()[:3])
    age = min(age, MAX_AGE)
    return {"age_low": age, "age_high": age, "gender": _GENDER[gender], "group": RACES[race]}
