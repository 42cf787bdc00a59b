"""APPA-REAL: faces with their real age and the mean of some 38 guesses of it.

Agustsson et al., "Apparent and real age estimation in still images with deep residual regressors on
APPA-REAL database", FG 2017.
"""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from src.data.images import ImageError, read_image, resize
from src.errors import UserError
from src.estimation.estimator import Estimator
from src.files import check_folder
from src.progress import Progress

_COLUMNS = {"apparent": "apparent_age_avg", "real": "real_age"}
_FACES_AT_ONCE = 256


@dataclass
class Evaluated:
    """Mean absolute error in years by kind of age, the pictures it is of, and those left out."""

    mae: dict[str, float]
    pictures: int
    missing: list[str]


def evaluate(estimator: Estimator, data_dir: Path, split: str) -> Evaluated:
    """Compare the estimated ages of a split's face crops with both of its ages.

    Reads `{data_dir}/gt_avg_{split}.csv` and `{data_dir}/{split}/{file_name}_face.jpg`. Pictures
    that are missing or cannot be read are left out and named. Raises `UserError` where the labels
    are missing or not of their form, or no picture can be read.
    """
    labels = read_labels(data_dir, split)
    names = [f"{name}_face.jpg" for name in labels["file_name"]]
    ages = _estimate(estimator, [data_dir / split / name for name in names])
    read = ~np.isnan(ages)
    if not read.any():
        raise UserError(
            f"{data_dir / split}: expected face crops like {names[0]}, could read none of "
            f"{len(names)}; unpack APPA-REAL and name its folder with --data_dir"
        )
    errors = {kind: np.abs(ages - labels[column])[read] for kind, column in _COLUMNS.items()}
    return Evaluated(
        mae={kind: float(error.mean()) for kind, error in errors.items()},
        pictures=int(read.sum()),
        missing=[name for name, found in zip(names, read, strict=True) if not found],
    )


def read_labels(data_dir: Path, split: str) -> pd.DataFrame:
    """The split's labels, a row a picture: file_name, apparent_age_avg, real_age, ..."""
    check_folder(data_dir)
    path = data_dir / f"gt_avg_{split}.csv"
    if not path.is_file():
        raise UserError(f"{path}: expected APPA-REAL's labels, found nothing there")
    try:
        labels = pd.read_csv(path, dtype={name: float for name in _COLUMNS.values()})
    except ValueError as error:  # pandas' parser errors, undecodable text and ages like "abc"
        raise UserError(f"{path}: expected a CSV of ages, it cannot be read: {error}") from error
    missing = [name for name in ("file_name", *_COLUMNS.values()) if name not in labels]
    if missing:
        raise UserError(f"{path}: expected the column {missing[0]!r}, found {list(labels)}")
    unknown = labels[list(_COLUMNS.values())].isna().any(axis=1)
    if labels.empty or unknown.any():
        where = f"row {int(unknown.argmax()) + 2} has none" if len(labels) else "it has no row"
        raise UserError(f"{path}: expected both ages of every picture, {where}")
    return labels


def _estimate(estimator: Estimator, paths: list[Path]) -> np.ndarray:
    """Ages in years, (N,), of pictures that are face crops already; NaN where one is not there."""
    ages = np.full(len(paths), np.nan)
    with Progress(len(paths), "pictures") as progress:
        for start in range(0, len(paths), _FACES_AT_ONCE):
            faces, rows = [], []
            some = paths[start : start + _FACES_AT_ONCE]
            for row, path in enumerate(some, start):
                with suppress(FileNotFoundError, ImageError):
                    faces.append(resize(read_image(path), estimator.img_size))
                    rows.append(row)
            if faces:
                ages[rows] = estimator(np.stack(faces)).age
            progress.update(len(some))
    return ages
