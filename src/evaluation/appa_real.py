"""Evaluation on APPA-REAL, by real and apparent age."""

from pathlib import Path

import numpy as np
import pandas as pd

from ..data.datasets.published import AGE_COLUMNS, APPA_REAL_MARGIN, read_appa_real_labels
from ..errors import UserError
from ..files import check_folder
from .labelled import ImageFaces
from .results import Evaluation, labels_table

DB = "appa_real"
_SAME_AS_GROUP = ("ethnicity", "race")


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
    kinds = {"source": DB} | _categories(table)
    if target == "apparent" and "apparent_age_std" in table:
        kinds["age_std"] = pd.to_numeric(table["apparent_age_std"], errors="coerce")
    labels = labels_table(names, table["gender"], age, age, **kinds)
    return ImageFaces(labels, [], data_dir / split, DB, APPA_REAL_MARGIN), table


def _categories(labels: pd.DataFrame) -> dict[str, pd.Series]:
    """The group, and the columns after it of `allcategories_{split}.csv`."""
    named = labels.columns[labels.columns.get_loc("group") :].difference(_SAME_AS_GROUP, sort=False)
    return {name: labels[name] for name in named if labels[name].any()}


def mean_errors(evaluation: Evaluation, labels: pd.DataFrame) -> dict[str, float]:
    """Mean absolute error in years for each kind of age.

    labels: as returned by `from_appa_real`.
    """
    shown = labels.loc[evaluation.labels.index]
    return {
        kind: float(np.abs(evaluation.estimates.age - shown[column]).mean())
        for kind, column in AGE_COLUMNS.items()
    }
