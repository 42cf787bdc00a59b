"""ChaLearn LAP: pictures with the mean and the standard deviation of guesses of the age.

Escalera et al., "ChaLearn looking at people and faces of the world: face analysis workshop and
challenge 2016", CVPR workshops 2016, https://chalearnlap.cvc.uab.cat/dataset/19/description/.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from src.data.datasets import Options, Records, check_paths
from src.data.datasets.tables import numbers, read_rows, whole_years
from src.errors import UserError
from src.labels import MAX_AGE


def read(data_dir: Path, options: Options) -> Records:
    """The pictures of `{split}_gt.csv` (image, mean, stdv), in `{split}/` or `{split}_images/`.

    The age is the range of one standard deviation to each side of the mean.
    """
    path = data_dir / f"{options.split}_gt.csv"
    labels = read_rows(path, ("image", "mean", "stdv"))
    mean, deviation = numbers(path, labels, "mean"), numbers(path, labels, "stdv")
    deviation = np.nan_to_num(deviation)
    folder = _picture_folder(data_dir, options.split)
    table = pd.DataFrame(
        {
            "path": [f"{folder}/{name}" for name in labels["image"]],
            "age_low": np.clip(whole_years(mean - deviation), 0, MAX_AGE),
            "age_high": np.clip(whole_years(mean + deviation), 0, MAX_AGE),
            "gender": np.nan,
            "group": "",
        }
    )
    check_paths(table["path"], path)
    return Records(table)


def _picture_folder(data_dir: Path, split: str) -> str:
    for name in (split, f"{split}_images", "validation_images" if split == "valid" else split):
        if (data_dir / name).is_dir():
            return name
    raise UserError(f"{data_dir}: expected the pictures in {split}/ or {split}_images/, found none")
