"""CACD: 163,446 faces of 2,000 celebrities aged 14 to 62.

Chen, Chen & Hsu, "Cross-age reference coding for age-invariant face recognition and retrieval",
ECCV 2014, https://bcsiriuschen.github.io/CARC/. The label is the file name,
`53_Robin_Williams_0001.jpg`: age, person, number. Gender is unknown.
"""

from pathlib import Path

from . import Records
from .names import read_names


def read(data_dir: Path) -> Records:
    """The faces in `data_dir` and its folders."""
    return read_names(data_dir, r"(?P<age>\d+)_(?P<person>.+)_\d+\.jpg")
