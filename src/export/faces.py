"""Real faces for checks of exports."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib import cbook

from ..data.database import Database, open_database
from ..errors import UserError
from ..faces.crop import FaceCrop
from ..faces.detectors import DEFAULT_DETECTOR
from ..faces.detectors.base import Face
from ..faces.finder import FaceFinder
from ..faces.images import Box, read_image
from ..labels import age_errors

PORTRAIT = "grace_hopper.jpg"  # public domain, part of matplotlib
_MAX_FACES = 512  # of a database
_SHIFTS = (-0.1, 0, 0.1)  # of the portrait's face box


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
    """18 crops of a portrait, shifted and mirrored, of unknown age."""
    image = read_image(cbook.get_sample_data(PORTRAIT, asfileobj=False))
    (face,) = FaceFinder(DEFAULT_DETECTOR, None, crop).detect(image)
    faces = crop.stack(image, [_shifted(face, dx, dy) for dx in _SHIFTS for dy in _SHIFTS])
    faces = np.concatenate([faces, faces[:, :, ::-1]])
    unknown = np.full(len(faces), np.nan)
    return Faces(faces, unknown, unknown, f"{len(faces)} crops of {PORTRAIT}", faces[:0])


def _shifted(face: Face, dx: float, dy: float) -> Face:
    left, top, right, bottom = face.box
    shift = np.array([round(dx * (right - left)), round(dy * (bottom - top))])
    points = None if face.points is None else face.points + shift
    return Face(Box(*(np.array(face.box) + np.tile(shift, 2)).tolist()), points)
