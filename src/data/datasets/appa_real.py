"""APPA-REAL: 7,591 faces with real ages and the means of about 38 ratings.

Agustsson et al., "Apparent and real age estimation in still images with deep residual regressors on
APPA-REAL database", FG 2017, https://chalearnlap.cvc.uab.cat/dataset/26/description/.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from ...labels import MAX_AGE, whole_years
from . import Records
from .tables import read_table
from .values import OLDEST, relative_paths

MARGIN = 0.4  # of the `_face.jpg` crops, as a fraction of the box
AGE_COLUMNS = {"apparent": "apparent_age_avg", "real": "real_age"}
_GROUPS = ("race", "ethnicity")  # columns of the categories; the first that exists is the group


def read(data_dir: Path, split: str, target: str, ignore_list: Path | None) -> Records:
    """The faces of a split, labelled with their apparent or real age, by `target`.

    Ages above 100 become 100. Gender and group come from `allcategories_{split}.csv` if it exists.
    Faces in the column `img_name` of `ignore_list`, crops of another or no face, are skipped.
    """
    labels = read_labels(data_dir, split)
    age = np.minimum(whole_years(labels[AGE_COLUMNS[target]].to_numpy()), MAX_AGE)
    path = split + "/" + labels["file_name"] + "_face.jpg"
    table = labels[["gender", "group"]].assign(path=path, age_low=age, age_high=age)
    ignored = np.zeros(len(table), bool)
    names = ignore_list or data_dir / "ignore_list.csv"
    if ignore_list or names.is_file():
        skipped = read_table(names, {"img_name": "img_name"}).texts("img_name")
        ignored = labels["file_name"].isin(skipped).to_numpy()
    return Records(table[~ignored], {"on the ignore list": int(ignored.sum())}, margin=MARGIN)


def read_labels(data_dir: Path, split: str) -> pd.DataFrame:
    """A split's labels, a row per image, in the order of `gt_avg_{split}.csv`.

    Columns: `file_name`; `apparent_age_avg`, `apparent_age_std`, `real_age` (float64, years);
    `gender` (float64, NaN where unknown), `group` (""); and the other columns of
    `allcategories_{split}.csv`, as text.
    """
    path, names = data_dir / f"gt_avg_{split}.csv", ("file_name", *AGE_COLUMNS.values())
    table = read_table(path, dict(zip(names, names, strict=True)))
    labels = table.frame.reset_index(drop=True).assign(gender=np.nan, group="")
    labels["file_name"] = relative_paths(labels["file_name"], data_dir / split, path)
    for column in AGE_COLUMNS.values():
        labels[column] = table.numbers(column, 0, OLDEST)
    path = data_dir / f"allcategories_{split}.csv"
    if path.is_file():
        table = read_table(path, {"file": "file", "gender": "gender"})
        categories = table.frame.assign(gender=table.genders("gender")).drop_duplicates("file")
        categories = categories.set_index("file").reindex(labels["file_name"])
        labels["gender"] = categories.pop("gender").to_numpy()
        for column in categories:
            labels[column] = categories[column].fillna("").to_numpy()
        group = next((column for column in _GROUPS if column in categories), "group")
        labels["group"] = labels[group]
    return labels
