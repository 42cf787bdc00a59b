"""AFAD: over 160,000 faces of Asian people aged 15 to 72.

Niu, Zhou, Wang, Gao & Hua, "Ordinal regression with multiple output CNN for age estimation", CVPR
2016, https://github.com/afad-dataset/tarball. Labels are folders: `25/111/638660-1.jpg` is a man
of 25 years, `25/112` are women; the number before the dash is the person.
"""

from pathlib import Path

from . import Records
from .names import FEMALE, MALE, read_names

_PATH = r"(?P<age>\d{2})/(?P<gender>11[12])/(?P<person>\d+)[^/]*\.jpg"


def read(data_dir: Path) -> Records:
    """The faces in `data_dir`, such as AFAD-Full, and its folders."""
    return read_names(data_dir, _PATH, {"111": MALE, "112": FEMALE}.__getitem__)
