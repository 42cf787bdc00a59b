"""ChaLearn LAP: pictures with the mean and the standard deviation of age guesses.

Escalera et al., "ChaLearn looking at people and faces of the world: face analysis workshop and
challenge 2016", CVPR workshops 2016, https://chalearnlap.cvc.uab.cat/dataset/19/description/.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from ...errors import UserError
from ...labels import MAX_AGE, whole_years
from . import Records
from .paths import relative_paths
from .tables import read_rows
from .values import OLDEST


def read(data_dir: Path, split: str) -> Records:
    """The pictures of `{split}_gt.csv` (image, mean, stdv), in `{split}/` or `{split}_images/`.

    The age is the range of one standard deviation to each side of the mean.
    """
    path = data_dir / f"{split}_gt.csv"
    labels = read_rows(path, ("image", "mean", "stdv"))
    mean, deviation = labels.numbers("mean", OLDEST), labels.numbers("stdv", OLDEST)
    deviation = np.nan_to_num(deviation)
    folder = _picture_folder(data_dir, split)
    names = [f"{folder}/{name}" for name in labels.texts("image")]
    return Records(
        pd.DataFrame(
            {
                "path": relative_paths(names, data_dir, path),
                "age_low": np.clip(whole_years(mean - deviation), 0, MAX_AGE),
                "age_high": np.clip(whole_years(mean + deviation), 0, MAX_AGE),
            }
        )
    )


def _picture_folder(data_dir: Path, split: str) -> str:
    for name in (split, f"{split}_images", "validation_images" if split == "valid" else split):
        if (data_dir / name).is_dir():
            return name
    raise UserError(f"{data_dir}: expected the pictures in {split}/ or {split}_images/, found none")
