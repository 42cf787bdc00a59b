"""Datasets with labels in the names of files or folders."""

import os
import re
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path

import pandas as pd

from ...errors import UserError
from ...faces.images import EXTENSIONS
from ...labels import MAX_AGE
from . import NAN, Records
from .tables import FEMALE, MALE, is_unknown, parse_age, parse_gender

_UNPARSED = "name does not parse"


def read_names(
    data_dir: Path,
    pattern: str,
    gender: Callable[[str], int] = {"f": FEMALE, "m": MALE}.__getitem__,
    groups: tuple[str, ...] = (),
    margin: float = NAN,
) -> Records:
    """Records of the JPEG files in `data_dir` and its folders; ages above 100 become 100.

    Args:
        data_dir: the dataset's folder.
        pattern: regular expression of the end of a path, with groups that are named `age` and, if
            known, `gender`, `person` and `group`; its case is ignored.
        gender: gender of the group's text, in lower case.
        groups: group labels of the numbers in `group`.
        margin: see `Records`.
    """
    paths = _paths(data_dir, (".jpg", ".jpeg"))
    table = paths.str.extract(rf"^(?:.*/)?{pattern}\Z", re.IGNORECASE).dropna(subset="age")
    age = table.pop("age").astype(int).clip(upper=MAX_AGE)
    if "gender" in table:
        table["gender"] = table["gender"].str.lower().map(gender)
    if "group" in table:
        table["group"] = [groups[int(number)] for number in table["group"]]
    return _records(paths, table.assign(age_low=age, age_high=age), margin)


def _paths(data_dir: Path, extensions: Collection[str]) -> pd.Series:
    """Paths of the images in a folder and its folders, sorted."""
    paths = []
    for folder, _, names in os.walk(data_dir, followlinks=True):
        inside = os.path.relpath(os.path.join(folder, "_"), data_dir)[:-1]
        images = [name for name in names if os.path.splitext(name)[1].lower() in extensions]
        paths += [inside + name for name in images]
    if not paths:
        raise UserError(f"{data_dir}: expected images, found none")
    return pd.Series(sorted(path.replace(os.sep, "/") for path in paths), dtype=object)


def _records(paths: pd.Series, table: pd.DataFrame, margin: float = NAN) -> Records:
    """Records of some paths, by the index of `table`; others are listed as skipped."""
    skipped = [(path, _UNPARSED) for path in paths.drop(table.index)]
    return Records(table.assign(path=paths), {_UNPARSED: len(skipped)}, skipped, margin)


# AFAD: over 160,000 faces of Asian people aged 15 to 72. Niu et al., CVPR 2016,
# https://github.com/afad-dataset/tarball. `25/111/638660-1.jpg`: age, man, person.
read_afad = partial(
    read_names,
    pattern=r"(?P<age>\d{2})/(?P<gender>11[12])/(?P<person>\d+)[^/]*\.jpg",
    gender={"111": MALE, "112": FEMALE}.__getitem__,
)

# AgeDB: 16,488 photos of 568 people. Moschoglou et al., CVPR workshops 2017,
# https://ibug.doc.ic.ac.uk/resources/agedb/. `0_MariaCallas_35_f.jpg`: number, person, age, gender.
read_agedb = partial(read_names, pattern=r"\d+_(?P<person>.+)_(?P<age>\d+)_(?P<gender>[mf])\.jpg")

# All-Age-Faces: 13,322 photos of East Asian people aged 2 to 80. Cheng et al., Tsinghua Science and
# Technology 24(3), 2019, https://github.com/JingchunCheng/All-Age-Faces-Dataset.
# `00012A05.jpg`: serial number, age. Images up to 07380 show women.
read_all_age_faces = partial(
    read_names,
    pattern=r"(?P<gender>\d{5})A(?P<age>\d{2,3})\.jpg",
    gender=lambda number: FEMALE if int(number) <= 7380 else MALE,
)

# CACD: 163,446 faces of 2,000 celebrities aged 14 to 62. Chen et al., ECCV 2014,
# https://bcsiriuschen.github.io/CARC/. `53_Robin_Williams_0001.jpg`: age, person, number.
read_cacd = partial(read_names, pattern=r"(?P<age>\d+)_(?P<person>.+)_\d+\.jpg")

# FG-NET: 1,002 photos of 82 people aged 0 to 69. Panis et al., IET Biometrics 5(2), 2016,
# https://yanweifu.github.io/FG_NET_data/. `010A07b.JPG`: person, age.
read_fgnet = partial(read_names, pattern=r"(?P<person>\d{3})A(?P<age>\d{2})[a-z]?\.jpe?g")

# MORPH Album 2: 55,134 photos of 13,618 people aged 16 to 77. Ricanek & Tesafaye, FG 2006,
# https://uncw.edu/research/major-programs/oic/morph. `009055_1M54.JPG`: person, photo, gender, age.
read_morph = partial(read_names, pattern=r"(?P<person>\d+)_\d+(?P<gender>[MF])(?P<age>\d{2})\.jpg")

# UTKFace: over 20,000 faces, aligned and cropped. Zhang et al., CVPR 2017,
# https://susanqq.github.io/UTKFace/. `[age]_[gender]_[race]_[date].jpg` or `.jpg.chip.jpg`, some
# with a blank before it, where gender 0 is **male**. The margin is the median space on each side of
# dlib's box, in 150 crops.
read_utkface = partial(
    read_names,
    pattern=r"(?P<age>\d{1,3})_(?P<gender>[01])_(?P<group>[0-4])_\d+ ?\.jpg(?:\.chip\.jpg)?",
    gender={"0": MALE, "1": FEMALE}.__getitem__,
    groups=("White", "Black", "Asian", "Indian", "Others"),
    margin=0.12,
)


def read_folders(data_dir: Path) -> Records:
    """Images with an age, an age range or a gender among their folders: `30-39/female/1.jpg`."""
    paths, rows = _paths(data_dir, EXTENSIONS), {}
    for row, path in paths.items():
        for folder in path.split("/")[:-1]:
            if is_unknown(folder):
                continue
            try:
                labels = dict(zip(("age_low", "age_high"), parse_age(folder), strict=True))
            except ValueError:
                try:
                    labels = {"gender": parse_gender(folder)}
                except ValueError:
                    continue  # a folder of another meaning
            rows.setdefault(row, {}).update(labels)
    return _records(paths, pd.DataFrame.from_dict(rows, "index"))
