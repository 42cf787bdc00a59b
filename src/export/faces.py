"""Real faces for checks of exports."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import cbook

from ..data.database import Database, open_database
from ..errors import UserError
from ..faces.crop import FaceCrop
from ..faces.detectors import DEFAULT_DETECTOR
from ..faces.finder import FaceFinder
from ..faces.images import read_image
from ..labels import age_errors

PORTRAIT = "grace_hopper.jpg"  # public domain, part of matplotlib
_OFFSETS = (0, 35, 70)  # pixels of the portrait
_MAX_FACES = 512  # of a database


@dataclass(frozen=True)
class Faces:
    """Faces of the model's size, uint8 (N, S, S, 3), BGR, and a phrase for their source.

    calibration: further faces, for the calibration of int8.
    age_low, age_high: float64 (N,), years, NaN where unknown.
    """

    image: np.ndarray
    calibration: np.ndarray
    source: str
    age_low: np.ndarray
    age_high: np.ndarray

    def mae(self, age: np.ndarray) -> float:
        """Mean distance in years of estimated ages, (N,), to the known labels; NaN without."""
        return float(pd.Series(age_errors(age, self.age_low, self.age_high)).abs().mean())


def open_fitting(path: Path, crop: FaceCrop) -> Database:
    """The database of --input. Raises `UserError` unless its faces have the model's size."""
    database = open_database(path)
    if database.crop.size != crop.size or len(database) < 2:
        raise UserError(
            f"--input: expected at least two faces of {crop.size} pixels, the model's size, {path} "
            f"has {len(database)} of {database.crop.size}; see create_db.py --img_size"
        )
    return database


def database_faces(path: Path, crop: FaceCrop) -> Faces:
    """Random faces of a database; every second one is for the calibration."""
    database = open_fitting(path, crop)
    order = np.random.default_rng(0).permutation(len(database))[:_MAX_FACES]
    rows, others = np.sort(order[::2]), np.sort(order[1::2])
    images = database.image[rows], database.image[others]
    source = f"{len(rows)} faces of {path.name}"
    return Faces(*images, source, database.age_low[rows], database.age_high[rows])


def portrait_faces(crop: FaceCrop) -> Faces:
    """18 crops of a portrait, which is cut and mirrored."""
    image = read_image(cbook.get_sample_data(PORTRAIT, asfileobj=False))
    finder = FaceFinder(DEFAULT_DETECTOR, None, crop)
    parts = [image[top:, left:] for top in _OFFSETS for left in _OFFSETS]
    faces = np.concatenate([finder.find(part).crops[:1] for part in parts])
    faces = np.concatenate([faces, faces[:, :, ::-1]])
    unknown = np.full(len(faces), np.nan)
    return Faces(faces, faces[:0], f"{len(faces)} crops of {PORTRAIT}", unknown, unknown)
