"""Errors on APPA-REAL, whose faces have a real and an apparent age."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from src.data.datasets.appa_real import AGE_COLUMNS, read_labels
from src.data.faces import NO_ALIGNMENT, Cut, FaceError, get_cutter
from src.data.images import ImageError, read_image
from src.errors import UserError
from src.estimation.estimator import Estimator
from src.files import check_folder
from src.progress import Progress

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
    that are missing, cannot be read or, for an aligned model, show no face are left out and named.
    Raises `UserError` where the labels are missing or not of their form, or no picture can be read.
    """
    check_folder(data_dir)
    labels = read_labels(data_dir, split)
    unknown = labels[list(AGE_COLUMNS.values())].isna().any(axis=1).to_numpy()
    if labels.empty or unknown.any():
        where = f"row {int(unknown.argmax()) + 1} has none" if len(labels) else "it has no row"
        path = data_dir / f"gt_avg_{split}.csv"
        raise UserError(f"{path}: expected both ages of every picture, {where}")
    names = [f"{name}_face.jpg" for name in labels["file_name"]]
    ages = _estimate(estimator, [data_dir / split / name for name in names])
    read = ~np.isnan(ages)
    if not read.any():
        raise UserError(
            f"{data_dir / split}: expected face crops like {names[0]}, could read none of "
            f"{len(names)}; unpack APPA-REAL and name its folder with --data_dir"
        )
    errors = {kind: np.abs(ages - labels[column])[read] for kind, column in AGE_COLUMNS.items()}
    return Evaluated(
        mae={kind: float(error.mean()) for kind, error in errors.items()},
        pictures=int(read.sum()),
        missing=[name for name, found in zip(names, read, strict=True) if not found],
    )


def _estimate(estimator: Estimator, paths: list[Path]) -> np.ndarray:
    """Ages in years, (N,), of pictures that are face crops already; NaN where one is not there."""
    ages = np.full(len(paths), np.nan)
    cut = get_cutter(Cut(align=estimator.align != NO_ALIGNMENT), estimator.img_size)
    with Progress(len(paths), "pictures") as progress:
        for start in range(0, len(paths), _FACES_AT_ONCE):
            faces, rows = [], []
            some = paths[start : start + _FACES_AT_ONCE]
            for row, path in enumerate(some, start):
                with suppress(FileNotFoundError, ImageError, FaceError):
                    faces.append(cut(read_image(path)))
                    rows.append(row)
            if faces:
                ages[rows] = estimator(np.stack(faces)).age
            progress.update(len(some))
    return ages
