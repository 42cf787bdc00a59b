"""Evaluation on APPA-REAL, by real and apparent age."""

from pathlib import Path

import numpy as np
import pandas as pd

from ..data.datasets.appa_real import AGE_COLUMNS, read_labels
from ..errors import UserError
from ..files import check_folder
from .labelled import ImageFaces
from .results import Evaluation, Labels

DB = "appa_real"
MARGIN = 0.4  # of its face crops
_SAME_AS_GROUP = ("ethnicity", "race")


def from_appa_real(data_dir: Path, split: str, target: str) -> tuple[ImageFaces, pd.DataFrame]:
    """The face crops of a split with their apparent or real age, and its table of labels.

    Reads `gt_avg_{split}.csv`, `{split}/{file_name}_face.jpg` and `allcategories_{split}.csv`, if
    present. Ages above 100 are kept. Raises `UserError` if the labels are missing or malformed, or
    the folder of images is missing.
    """
    check_folder(data_dir)
    labels = read_labels(data_dir, split)
    unknown = labels[list(AGE_COLUMNS.values())].isna().any(axis=1).to_numpy()
    if labels.empty or unknown.any():
        where = f"row {int(unknown.argmax()) + 1} has none" if len(labels) else "it has no row"
        path = data_dir / f"gt_avg_{split}.csv"
        raise UserError(f"{path}: expected both ages of every image, {where}")
    check_folder(data_dir / split)
    names = [f"{name}_face.jpg" for name in labels["file_name"]]
    age = labels[AGE_COLUMNS[target]].to_numpy()
    faces = ImageFaces(
        Labels(
            names=names,
            gender=labels["gender"].to_numpy(),
            age_low=age,
            age_high=age,
            age_std=_deviations(labels) if target == "apparent" else None,
            columns={"source": np.full(len(names), DB)} | _categories(labels),
        ),
        paths=[data_dir / split / name for name in names],
        notes=[],
        collection=DB,
        margin=MARGIN,
    )
    return faces, labels


def _deviations(labels: pd.DataFrame) -> np.ndarray | None:
    """Standard deviations of the ratings, float64 (N,); None if the labels lack them."""
    if "apparent_age_std" not in labels:
        return None
    return pd.to_numeric(labels["apparent_age_std"], errors="coerce").to_numpy(np.float64)


def _categories(labels: pd.DataFrame) -> dict[str, np.ndarray]:
    """The group, and the columns after it of `allcategories_{split}.csv`."""
    named = labels.columns[labels.columns.get_loc("group") :].difference(_SAME_AS_GROUP, sort=False)
    return {name: labels[name].to_numpy(str) for name in named if labels[name].any()}


def mean_errors(evaluation: Evaluation, labels: pd.DataFrame) -> dict[str, float]:
    """Mean absolute error in years for each kind of age.

    labels: as returned by `from_appa_real`.
    """
    shown = labels.iloc[evaluation.rows]
    return {
        kind: float(np.abs(evaluation.estimates.age - shown[column]).mean())
        for kind, column in AGE_COLUMNS.items()
    }
