"""All-Age-Faces: 13,322 photos of East Asian people aged 2 to 80.

Cheng, Li, Wang, Yu & Wang, "Exploiting effective facial patches for robust gender recognition",
Tsinghua Science and Technology 24(3), 2019, https://github.com/JingchunCheng/All-Age-Faces-Dataset.
The label is the file name: `00012A05.jpg` is picture 12, of a person of 5 years; pictures up to
07380 show women. The photos are not face crops.
"""

import re
from pathlib import Path

from ...labels import GENDERS, MAX_AGE
from . import Records
from .names import read_names

LAST_WOMAN = 7380
_NAME = re.compile(r"(\d{5})A(\d{2,3})\.jpg", re.IGNORECASE)


def read(data_dir: Path) -> Records:
    """The photos in `data_dir` and its folders."""
    return read_names(data_dir, _NAME, _labels)


def _labels(name: re.Match) -> dict:
    number, age = map(int, name.groups())
    age = min(age, MAX_AGE)
    gender = "female" if number <= LAST_WOMAN else "male"
    return {"age_low": age, "age_high": age, "gender": GENDERS.index(gender)}
