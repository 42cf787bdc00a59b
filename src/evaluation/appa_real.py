"""Evaluation on APPA-REAL, by real and apparent age."""

from pathlib import Path

import pandas as pd

from ..data.datasets.published import AGE_COLUMNS, APPA_REAL_MARGIN, read_appa_real_labels
from ..errors import UserError
from ..files import check_folder
from .labelled import ImageFaces
from .results import labels_table

DB = "appa_real"
_SAME_AS_GROUP = ["ethnicity", "race"]


def from_appa_real(data_dir: Path, split: str, target: str) -> tuple[ImageFaces, pd.DataFrame]:
    """The face crops of a split with their apparent or real age, and its table of labels.

    Reads `gt_avg_{split}.csv`, `{split}/{file_name}_face.jpg` and `allcategories_{split}.csv`, if
    present. Ages above 100 are kept. Raises `UserError` if the labels are missing or malformed, or
    the folder of images is missing.
    """
    check_folder(data_dir)
    table = read_appa_real_labels(data_dir, split)
    unknown = table[list(AGE_COLUMNS.values())].isna().any(axis=1).to_numpy()
    if table.empty or unknown.any():
        where = f"row {int(unknown.argmax()) + 1} has none" if len(table) else "it has no row"
        path = data_dir / f"gt_avg_{split}.csv"
        raise UserError(f"{path}: expected both ages of every image, {where}")
    check_folder(data_dir / split)
    names = table["file_name"] + "_face.jpg"
    age = table[AGE_COLUMNS[target]]
    columns = table.columns[table.columns.get_loc("group") :].drop(_SAME_AS_GROUP, errors="ignore")
    kinds = {"source": DB} | {name: table[name] for name in columns if table[name].any()}
    if target == "apparent" and "apparent_age_std" in table:
        kinds["age_std"] = pd.to_numeric(table["apparent_age_std"], errors="coerce")
    labels = labels_table(names, table["gender"], age, age, **kinds)
    return ImageFaces(labels, [], data_dir / split, DB, APPA_REAL_MARGIN), table
