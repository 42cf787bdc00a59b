"""UTKFace: over 20,000 faces of all ages, aligned and cropped.

Zhang, Song & Qi, "Age progression/regression by conditional adversarial autoencoder", CVPR 2017,
https://susanqq.github.io/UTKFace/. The label is the file name, `[age]_[gender]_[race]_[date].jpg`
or `.jpg.chip.jpg` (some with a blank before it), where gender 0 is **male**.
"""

from pathlib import Path

from . import Records
from .names import FEMALE, MALE, read_names

MARGIN = 0.12  # median space on each side of dlib's box, in 150 crops
RACES = ("White", "Black", "Asian", "Indian", "Others")
_NAME = r"(?P<age>\d{1,3})_(?P<gender>[01])_(?P<group>[0-4])_\d+ ?\.jpg(\.chip\.jpg)?"


def read(data_dir: Path) -> Records:
    """The faces in `data_dir` and its folders."""
    records = read_names(data_dir, _NAME, {"0": MALE, "1": FEMALE}.__getitem__, MARGIN)
    records.table["group"] = [RACES[int(code)] for code in records.table["group"]]
    return records
