"""IMDB-WIKI: 460,723 + 62,328 faces of people in IMDb and Wikipedia.

Rothe et al., "DEX: Deep EXpectation of apparent age from a single image", ICCV workshops 2015,
https://data.vision.ee.ethz.ch/cvl/rrothe/imdb-wiki/. The labels are a MATLAB 5 struct named after
the dataset, one array a field.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import scipy.io

from src.data.datasets import Options, Records, check_paths
from src.errors import UserError
from src.labels import MAX_AGE

MARGIN = 0.4
_FIELDS = ("dob", "photo_taken", "full_path", "gender", "face_score", "second_face_score")
_MATLAB_DAYS_AHEAD = 366  # day 1 is 1 January of year 0 for MATLAB, of year 1 for Python


def read(data_dir: Path, options: Options) -> Records:
    """The faces of `{data_dir}/{db}.mat` whose labels can be trusted.

    Raises `UserError` where the file is missing, is no MATLAB 5 file, lacks the struct or one of
    its fields, or names a picture outside `data_dir`.
    """
    min_score, path = options.min_score, data_dir / f"{options.db}.mat"
    fields = _read_struct(path, options.db)
    age = ages(fields["dob"], fields["photo_taken"])
    second = fields["second_face_score"]
    rules = {
        f"face_score below {min_score:g}": fields["face_score"] >= min_score,
        "a second face": np.isnan(second) | (second <= 0),
        f"age outside 0..{MAX_AGE}": (age >= 0) & (age <= MAX_AGE),
        "gender unknown": np.isin(fields["gender"], (0, 1)),
    }
    kept = np.ones(len(age), bool)
    removed = {}
    for rule, passes in rules.items():
        removed[rule] = int((kept & ~passes).sum())
        kept &= passes
    table = pd.DataFrame(
        {
            "path": fields["full_path"],
            "age_low": age,
            "age_high": age,
            "gender": fields["gender"],
            "group": "",
        }
    )
    return Records(table[kept].reset_index(drop=True), removed, margin=MARGIN)


def ages(dob: np.ndarray, photo_taken: np.ndarray) -> np.ndarray:
    """Ages in whole years, float64 (N,), from MATLAB serial dates of birth and years of the photo.

    A photo is taken in the middle of its year: one born in July or later has not had that year's
    birthday yet. NaN where the date of birth is no date.
    """
    ordinal = np.asarray(dob, np.float64) - _MATLAB_DAYS_AHEAD
    is_date = np.isfinite(ordinal) & (np.abs(ordinal) < 1e7)
    # As in the original toolkit, a date before year 1 is its first day: too old for any photo.
    days = np.maximum(np.where(is_date, ordinal, 1), 1).astype(np.int64) - 1
    months = (np.datetime64("0001-01-01") + days).astype("datetime64[M]").astype(np.int64)
    birth_year, birth_month = 1970 + months // 12, 1 + months % 12
    age = np.asarray(photo_taken, np.float64) - birth_year - (birth_month >= 7)
    return np.where(is_date, age, np.nan)


def _read_struct(path: Path, name: str) -> dict[str, np.ndarray]:
    """The struct's fields, (N,) each: `full_path` as str, all else as float64."""
    if not path.is_file():
        raise UserError(
            f"{path}: expected IMDB-WIKI's label file, found nothing there; "
            "unpack the dataset and name its folder with --data_dir"
        )
    try:
        contents = scipy.io.loadmat(path, squeeze_me=True)  # cells of text as str: less memory
        struct = contents[name][()]
        missing = [field for field in _FIELDS if field not in (struct.dtype.names or ())]
    except KeyError:
        found = ", ".join(key for key in contents if not key.startswith("__")) or "nothing"
        raise UserError(
            f"{path}: expected a struct {name!r}, found {found}; is --db right?"
        ) from None
    except Exception as error:  # scipy raises a dozen kinds on a file that is not what it says
        raise UserError(
            f"{path}: expected IMDB-WIKI's labels, a MATLAB 5 file; it could not be read: {error}"
        ) from error
    if missing:
        raise UserError(f"{path}: expected the field {missing[0]!r} in {name!r}, it is missing")
    cells = {field: np.ravel(np.asarray(struct[field])) for field in _FIELDS}
    del contents, struct  # names and boxes take as much as all else
    lengths = {field: len(values) for field, values in cells.items()}
    if len(set(lengths.values())) > 1:
        raise UserError(f"{path}: expected fields of one length, received {lengths}")
    try:
        paths = cells.pop("full_path").astype(object)
        if not all(isinstance(cell, str) for cell in paths):
            raise TypeError("full_path holds other things than paths")
        fields = {field: values.astype(np.float64) for field, values in cells.items()}
    except (ValueError, TypeError, IndexError) as error:
        raise UserError(f"{path}: a field of {name!r} is not of its form: {error}") from error
    check_paths(paths, path)
    return fields | {"full_path": paths}
