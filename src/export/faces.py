"""Real faces for checks of exports."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib import cbook

from ..data.database import Database, open_database
from ..errors import UserError
from ..faces.crop import FaceCrop
from ..faces.detectors import DEFAULT_DETECTOR
from ..faces.finder import FaceFinder
from ..faces.images import read_image

PORTRAIT = "grace_hopper.jpg"  # public domain, part of matplotlib
_OFFSETS = (0, 35, 70)  # pixels of the portrait
_MAX_FACES = 512  # of a database


class Faces(NamedTuple):
    """Faces of the model's size, uint8 (N, S, S, 3), BGR, and a phrase for their source."""

    image: np.ndarray
    calibration: np.ndarray  # further ones, for the calibration of int8
    source: str


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
    source = f"{len(rows)} faces of {path.name}"
    return Faces(database.image[rows], database.image[others], source)


def portrait_faces(crop: FaceCrop) -> Faces:
    """18 crops of a portrait, which is cut and mirrored."""
    image = read_image(cbook.get_sample_data(PORTRAIT, asfileobj=False))
    finder = FaceFinder(DEFAULT_DETECTOR, None, crop)
    parts = [image[top:, left:] for top in _OFFSETS for left in _OFFSETS]
    faces = np.concatenate([finder.find(part).crops[:1] for part in parts])
    faces = np.concatenate([faces, faces[:, :, ::-1]])
    return Faces(faces, faces[:0], f"{len(faces)} crops of {PORTRAIT}")
