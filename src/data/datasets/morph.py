"""MORPH Album 2: 55,134 photos of 13,618 people aged 16 to 77.

Ricanek & Tesafaye, "MORPH: a longitudinal image database of normal adult age-progression", FG 2006,
https://uncw.edu/research/major-programs/oic/morph. The label is the file name: `009055_1M54.JPG` is
photo 1 of person 9055, a man of 54 years.
"""

from pathlib import Path

from . import Records
from .names import read_names


def read(data_dir: Path) -> Records:
    """The photos in `data_dir` and its folders."""
    return read_names(data_dir, r"(?P<person>\d+)_\d+(?P<gender>[MF])(?P<age>\d{2})\.jpg")
