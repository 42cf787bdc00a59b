"""All-Age-Faces: 13,322 photos of East Asian people aged 2 to 80.

Cheng, Li, Wang, Yu & Wang, "Exploiting effective facial patches for robust gender recognition",
Tsinghua Science and Technology 24(3), 2019, https://github.com/JingchunCheng/All-Age-Faces-Dataset.
The label is the file name: `00012A05.jpg` is image 12, of a person of 5 years; images up to 07380
show women. The photos are not face crops.
"""

from pathlib import Path

from . import Records
from .names import FEMALE, MALE, read_names

LAST_WOMAN = 7380


def read(data_dir: Path) -> Records:
    """The photos in `data_dir` and its folders."""

    def gender(number: str) -> int:
        return FEMALE if int(number) <= LAST_WOMAN else MALE

    return read_names(data_dir, r"(?P<gender>\d{5})A(?P<age>\d{2,3})\.jpg", gender)
