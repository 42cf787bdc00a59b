"""ChaLearn LAP: images with the mean and the standard deviation of age guesses.

Escalera et al., "ChaLearn looking at people and faces of the world: face analysis workshop and
challenge 2016", CVPR workshops 2016, https://chalearnlap.cvc.uab.cat/dataset/19/description/.
"""

from pathlib import Path

import pandas as pd

from ...errors import UserError
from . import Records
from .tables import read_rows


def read(data_dir: Path, split: str) -> Records:
    """The images of `{split}_gt.csv` (image, mean, stdv), in `{split}/` or `{split}_images/`.

    The age is the range of one standard deviation to each side of the mean.
    """
    path = data_dir / f"{split}_gt.csv"
    labels = read_rows(path, ("image", "mean", "stdv"))
    low, high = labels.spread_ages("mean", "stdv")
    paths = labels.paths("image", data_dir, f"{_image_folder(data_dir, split)}/{{}}")
    return Records(pd.DataFrame({"path": paths, "age_low": low, "age_high": high}))


def _image_folder(data_dir: Path, split: str) -> str:
    for name in (split, f"{split}_images", "validation_images" if split == "valid" else split):
        if (data_dir / name).is_dir():
            return name
    raise UserError(f"{data_dir}: expected the images in {split}/ or {split}_images/, found none")
