"""Real faces for checks of exports."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib import cbook

from ..data.database import Database, open_database
from ..errors import UserError
from ..faces.crop import FaceCrop
from ..faces.detectors import DEFAULT_DETECTOR
from ..faces.finder import FaceFinder
from ..faces.images import read_image
from ..labels import age_errors

PORTRAIT = "grace_hopper.jpg"  # public domain, part of matplotlib
_MAX_FACES = 512  # of a database
_OFFSETS = (0, 35, 70)  # pixels of the portrait


@dataclass(frozen=True)
class Faces:
    """Faces of the model's size, uint8 (N, S, S, 3), BGR, and a phrase for their source.

    age_low, age_high: float64 (N,), years, NaN where unknown.
    calibration: further faces, for the calibration of int8.
    """

    image: np.ndarray
    age_low: np.ndarray
    age_high: np.ndarray
    source: str
    calibration: np.ndarray

    def mae(self, age: np.ndarray) -> float | None:
        """Mean distance in years of estimated ages, (N,), to the known labels; None without."""
        errors = np.abs(age_errors(age, self.age_low, self.age_high))
        return None if np.isnan(errors).all() else float(np.nanmean(errors))


def database_faces(path: Path, crop: FaceCrop) -> Faces:
    """Random faces of a database; every second one is for the calibration."""
    database = open_database(path)
    check_size(path, database, crop)
    if len(database) < 2:
        raise UserError(f"--input: expected at least two faces, {path} has {len(database)}")
    order = np.random.default_rng(0).permutation(len(database))[:_MAX_FACES]
    rows, others = np.sort(order[::2]), np.sort(order[1::2])
    low, high = database.age_low[rows], database.age_high[rows]
    source = f"{len(rows)} faces of {path.name}"
    return Faces(database.image[rows], low, high, source, database.image[others])


def check_size(path: Path, database: Database, crop: FaceCrop) -> None:
    """Raise `UserError` unless a database has faces of the model's size."""
    if database.crop.size != crop.size:
        raise UserError(
            f"--input: expected faces of {crop.size} pixels, the model's size, {path} has "
            f"{database.crop.size}; make it again with create_db.py --img_size {crop.size}"
        )


def portrait_faces(crop: FaceCrop) -> Faces:
    """18 crops of a portrait, which is cut and mirrored, of unknown age."""
    image = read_image(cbook.get_sample_data(PORTRAIT, asfileobj=False))
    finder = FaceFinder(DEFAULT_DETECTOR, None, crop)
    parts = [image[top:, left:] for top in _OFFSETS for left in _OFFSETS]
    faces = np.concatenate([finder.find(part).crops[:1] for part in parts])
    faces = np.concatenate([faces, faces[:, :, ::-1]])
    unknown = np.full(len(faces), np.nan)
    return Faces(faces, unknown, unknown, f"{len(faces)} crops of {PORTRAIT}", faces[:0])
