"""IMDB-WIKI: 460,723 + 62,328 faces of people in IMDb and Wikipedia.

Rothe et al., "DEX: Deep EXpectation of apparent age from a single image", ICCV workshops 2015,
https://data.vision.ee.ethz.ch/cvl/rrothe/imdb-wiki/. The labels are a MATLAB struct named after
the dataset, one array per field.
"""

from functools import partial
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from ...errors import UserError
from ...files import check_input_file, wrap_read_errors
from ...labels import MAX_AGE
from .. import matlab
from . import Records
from .paths import relative_paths

MARGIN = 0.4
_NUMBERS = ("dob", "photo_taken", "gender", "face_score", "second_face_score")
_FIELDS = (*_NUMBERS, "full_path")
_MATLAB_DAYS_AHEAD = 366  # day 1 is 1 January of year 0 in MATLAB, of year 1 in Python
_LABELS = "IMDB-WIKI's labels"


def _read(name: str, data_dir: Path, min_score: float, persons: bool) -> Records:
    """The faces of `{data_dir}/{name}.mat` that pass the rules, with the people's names if
    `persons`.

    Raises `UserError` if the file is missing, is not a MATLAB file, lacks the struct or one of its
    fields, or names an image outside `data_dir`.
    """
    path = data_dir / f"{name}.mat"
    fields = _read_fields(path, name, (*_FIELDS, "name") if persons else _FIELDS)
    paths = relative_paths(_texts(fields["full_path"]), data_dir, path)
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
            "path": paths,
            "age_low": age,
            "age_high": age,
            "gender": fields["gender"],
            "person": _texts(fields["name"]) if persons else "",
        }
    )
    return Records(table[kept], removed, margin=MARGIN)


read_wiki, read_imdb = partial(_read, "wiki"), partial(_read, "imdb")


def ages(dob: np.ndarray, photo_taken: np.ndarray) -> np.ndarray:
    """Ages in whole years, float64 (N,), from MATLAB serial dates of birth and years of the photo.

    Photos are dated to the middle of their year, before birthdays in July or later.
    NaN if the date of birth is invalid.
    """
    ordinal = np.asarray(dob, np.float64) - _MATLAB_DAYS_AHEAD
    is_date = np.isfinite(ordinal) & (np.abs(ordinal) < 1e7)
    # As in the original toolkit, earlier dates count as the first day of year 1: too old.
    days = np.maximum(np.where(is_date, ordinal, 1), 1).astype(np.int64) - 1
    months = (np.datetime64("0001-01-01") + days).astype("datetime64[M]").astype(np.int64)
    birth_year, birth_month = 1970 + months // 12, 1 + months % 12
    age = np.asarray(photo_taken, np.float64) - birth_year - (birth_month >= 7)
    return np.where(is_date, age, np.nan)


def _read_fields(path: Path, name: str, expected: tuple[str, ...]) -> dict[str, np.ndarray]:
    """The `expected` fields of the struct `name`, (N,) each: those of `_NUMBERS` as float64."""
    check_input_file(path, f"{_LABELS} (unpack the dataset and set --data_dir to its folder)")
    with wrap_read_errors(path, f"{_LABELS}, a MATLAB file"):
        if h5py.is_hdf5(path):
            with h5py.File(path) as file:
                fields = matlab.read_struct_7_3(_struct(path, name, file), expected)
        else:  # squeezed, so that cells of text are str
            variables = matlab.read_version_5(path, _LABELS, squeeze_me=True)
            struct = _struct(path, name, variables)
            names = struct if isinstance(struct, dict) else struct.dtype.names
            # A struct that was not squeezed has its arrays in the only element of an array.
            present = [field for field in expected if field in names]
            fields = {field: np.ravel(np.asarray(struct[field])[()]) for field in present}
        missing = [field for field in expected if field not in fields]
        if missing:
            raise UserError(f"{path}: expected the field {missing[0]!r} in {name!r}, it is missing")
        fields |= {field: fields[field].astype(np.float64) for field in _NUMBERS}
    lengths = {field: len(fields[field]) for field in expected}
    if len(set(lengths.values())) > 1:
        raise UserError(f"{path}: expected fields of one length, received {lengths}")
    return fields


def _texts(cells: np.ndarray) -> list[str]:
    """The texts of cells without padding, "" if a cell is empty or not text."""
    return [cell.strip() if isinstance(cell, str) else "" for cell in cells]


def _struct(path: Path, name: str, variables: dict | h5py.File) -> "dict | np.ndarray | h5py.Group":
    """The struct `name`, or the file itself if its variables are the fields."""
    if name in variables:
        return variables[name]
    if "full_path" in variables:
        return variables
    found = ", ".join(key for key in variables if not key.startswith("#")) or "nothing"
    raise UserError(f"{path}: expected a struct {name!r}, found {found}; is --db right?")
