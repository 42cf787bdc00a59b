"""FG-NET: 1,002 photos of 82 people, from birth to 69.

Panis, Lanitis, Tsapatsoulis & Cootes, "Overview of research on facial ageing using the FG-NET
ageing database", IET Biometrics 5(2), 2016, https://yanweifu.github.io/FG_NET_data/. The label is
the file name: `010A07b.JPG` is the second image of person 10 at 7 years. Gender is unknown.
"""

from pathlib import Path

from . import Records
from .names import read_names


def read(data_dir: Path) -> Records:
    """The photos in `data_dir` and its folders."""
    return read_names(data_dir, r"(?P<person>\d{3})A(?P<age>\d{2})[a-z]?\.jpe?g")
