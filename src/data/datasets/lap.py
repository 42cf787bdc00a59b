"""ChaLearn LAP: images with the mean and the standard deviation of age guesses.

Escalera et al., "ChaLearn looking at people and faces of the world: face analysis workshop and
challenge 2016", CVPR workshops 2016, https://chalearnlap.cvc.uab.cat/dataset/19/description/.
"""

from pathlib import Path

import pandas as pd

from ...errors import UserError
from . import Records
from .tables import read_table


def read(data_dir: Path, split: str) -> Records:
    """The images of `{split}_gt.csv` (image, mean, stdv), in `{split}/` or `{split}_images/`.

    The age is the range of one standard deviation to each side of the mean.
    """
    labels = read_table(data_dir / f"{split}_gt.csv", ("image", "mean", "stdv"), header=None)
    low, high = labels.spread_ages("mean", "stdv")
    folders = (split, f"{split}_images", "validation_images" if split == "valid" else split)
    folder = next((name for name in folders if (data_dir / name).is_dir()), None)
    if folder is None:
        raise UserError(
            f"{data_dir}: expected the images in {split}/ or {split}_images/, found none"
        )
    paths = labels.paths("image", data_dir, f"{folder}/{{}}")
    return Records(pd.DataFrame({"path": paths, "age_low": low, "age_high": high}))
