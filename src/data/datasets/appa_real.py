"""APPA-REAL: 7,591 faces with their real age and the mean of some 38 guesses of it.

Agustsson et al., "Apparent and real age estimation in still images with deep residual regressors on
APPA-REAL database", FG 2017, https://chalearnlap.cvc.uab.cat/dataset/26/description/.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from src.data.datasets import Options, Records, check_paths
from src.data.datasets.tables import genders, numbers, read_table, whole_years
from src.labels import MAX_AGE

MARGIN = 0.4  # of the `_face.jpg` crops
OLDEST = 122  # years that anyone is known to have lived: above them a label is no age
AGE_COLUMNS = {"apparent": "apparent_age_avg", "real": "real_age"}


def read(data_dir: Path, options: Options) -> Records:
    """The faces of a split, by their apparent or real age, as `options.target` says; ages above 100
    become 100.

    Gender and group come from `allcategories_{split}.csv` where that is there. Faces named in the
    column `img_name` of `ignore_list.csv` are left out: crops that show another or no face.
    """
    labels = read_labels(data_dir, options.split)
    age = np.minimum(whole_years(labels[AGE_COLUMNS[options.target]].to_numpy()), MAX_AGE)
    table = pd.DataFrame(
        {
            "path": [f"{options.split}/{name}_face.jpg" for name in labels["file_name"]],
            "age_low": age,
            "age_high": age,
            "gender": labels["gender"],
            "group": labels["group"],
        }
    )
    ignored = np.zeros(len(table), bool)
    ignore_list = options.ignore_list or data_dir / "ignore_list.csv"
    if options.ignore_list or ignore_list.is_file():
        names = read_table(ignore_list, ("img_name",))["img_name"]
        ignored = labels["file_name"].isin(set(names)).to_numpy()
    return Records(
        table[~ignored].reset_index(drop=True),
        removed={"on the ignore list": int(ignored.sum())},
        margin=MARGIN,
    )


def read_labels(data_dir: Path, split: str) -> pd.DataFrame:
    """A split's labels, a row a picture, in the order of `gt_avg_{split}.csv`.

    Columns: `file_name`; `apparent_age_avg`, `apparent_age_std`, `real_age` (float64, years);
    `gender` (float64, NaN where unknown), `group` (""); and the other columns of
    `allcategories_{split}.csv`, as text.
    """
    path = data_dir / f"gt_avg_{split}.csv"
    labels = read_table(path, ("file_name", *AGE_COLUMNS.values()))
    check_paths(labels["file_name"], path)
    for column in AGE_COLUMNS.values():
        labels[column] = numbers(path, labels, column, OLDEST)
    labels["gender"], labels["group"] = np.nan, ""
    categories_path = data_dir / f"allcategories_{split}.csv"
    if categories_path.is_file():
        categories = read_table(categories_path, ("file", "gender"))
        categories = categories.drop_duplicates("file").set_index("file")
        categories = categories.reindex(labels["file_name"]).fillna("").reset_index(drop=True)
        labels["gender"] = genders(categories["gender"])
        for column in categories.columns.difference(["gender"]):
            labels[column] = categories[column]
        for column in ("ethnicity", "race"):
            if column in categories:
                labels["group"] = categories[column]
    return labels
