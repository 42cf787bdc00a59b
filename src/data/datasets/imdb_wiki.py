"""IMDB-WIKI: 460,723 + 62,328 faces of people in IMDb and Wikipedia.

Rothe et al., "DEX: Deep EXpectation of apparent age from a single image", ICCV workshops 2015,
https://data.vision.ee.ethz.ch/cvl/rrothe/imdb-wiki/. The labels are a MATLAB struct named after
the dataset, one array per field.
"""

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from ...files import check_input_file, wrap_read_errors
from ...labels import MAX_AGE
from . import Records
from .tables import relative_paths

_NUMBERS = ("dob", "photo_taken", "gender", "face_score", "second_face_score")
_TEXTS = ("full_path", "name")
_YEAR_1 = 367  # MATLAB's number of 1 January of the year 1


def _read(name: str, data_dir: Path, min_score: float, persons: bool) -> Records:
    """The faces of `{data_dir}/{name}.mat` that pass the rules, with the people's names if
    `persons`.

    Raises `UserError` if the file is missing, is not a MATLAB file, lacks the struct or one of its
    fields, or names an image outside `data_dir`.
    """
    path = data_dir / f"{name}.mat"
    labels = _read_labels(path, name, (*_NUMBERS, *_TEXTS[: 1 + persons]))
    age = ages(labels["dob"].to_numpy(), labels["photo_taken"].to_numpy())
    rules = {
        f"face_score below {min_score:g}": labels["face_score"] >= min_score,
        "a second face": ~(labels["second_face_score"] > 0),  # NaN if there is none
        f"age outside 0..{MAX_AGE}": (age >= 0) & (age <= MAX_AGE),
        "gender unknown": labels["gender"].isin((0, 1)),
    }
    table = labels[["gender"]].assign(
        path=relative_paths(labels["full_path"], data_dir, path),
        age_low=age,
        age_high=age,
        person=labels["name"] if persons else "",
    )
    kept, removed = np.ones(len(age), bool), {}
    for rule, passes in rules.items():
        removed[rule] = int((kept & ~passes).sum())
        kept &= passes
    return Records(table[kept], removed, margin=0.4)


read_wiki, read_imdb = partial(_read, "wiki"), partial(_read, "imdb")


def ages(dob: np.ndarray, photo_taken: np.ndarray) -> np.ndarray:
    """Ages in whole years, float64 (N,), from MATLAB serial dates of birth and years of the photo.

    Photos are dated to the middle of their year, before birthdays in July or later.
    NaN if the date of birth is invalid.
    """
    dob = np.asarray(dob, np.float64)
    is_date = np.abs(dob) < 1e7  # not NaN
    # As in the original toolkit, earlier dates count as the first day of year 1: too old.
    days = np.maximum(np.where(is_date, dob, 0), _YEAR_1).astype(np.int64) - _YEAR_1
    months = (np.datetime64("0001-01-01") + days).astype("datetime64[M]").astype(np.int64)
    birth_year, birth_month = 1970 + months // 12, 1 + months % 12
    age = np.asarray(photo_taken, np.float64) - birth_year - (birth_month >= 7)
    return np.where(is_date, age, np.nan)


def _read_labels(path: Path, name: str, expected: tuple[str, ...]) -> pd.DataFrame:
    """The `expected` fields of the struct `name`, (N,) each, as float64 or stripped str."""
    import scipy.io

    labels = "IMDB-WIKI's labels, a MATLAB file"
    check_input_file(path, f"{labels} (unpack the dataset and set --data_dir to its folder)")
    with wrap_read_errors(path, f"{labels} with the struct {name!r} (is --db right?)"):
        # Squeezed, so that cells of text are str.
        struct = scipy.io.loadmat(path, squeeze_me=True)[name]
        table = pd.DataFrame({field: np.ravel(struct[field][()]) for field in expected})
        table = table.astype(dict.fromkeys(_NUMBERS, np.float64))
    for field in table.columns.intersection(_TEXTS):
        cells = table[field]  # empty cells are empty arrays
        table[field] = [cell.strip() if isinstance(cell, str) else "" for cell in cells]
    return table
