"""AgeDB: 16,488 photos of 568 people.

Moschoglou et al., "AgeDB: the first manually collected, in-the-wild age database", CVPR workshops
2017, https://ibug.doc.ic.ac.uk/resources/agedb/. The label is the file name,
`0_MariaCallas_35_f.jpg`: number, person, age, gender.
"""

from pathlib import Path

from . import Records
from .names import read_names


def read(data_dir: Path) -> Records:
    """The photos in `data_dir` and its folders."""
    return read_names(data_dir, r"\d+_(?P<person>.+)_(?P<age>\d+)_(?P<gender>[mf])\.jpg")
