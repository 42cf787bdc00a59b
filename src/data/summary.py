"""Histogram and contact sheet of a database."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from ..faces.images import resize
from ..labels import GENDER_COLOURS, GENDERS, INITIALS, MAX_AGE, age_midpoint, age_text
from ..outputs import has_mark
from .database import Database

_FACES_PER_DECADE = 10
_BIN = 5  # years of a bar of the histogram
_CELL = 96  # pixels, with a strip below for the label
_STRIP = 20
_MARK = {"Software": "age and gender estimation: create_db.py"}  # PNG metadata

is_summary = has_mark(_MARK["Software"].encode())


def plot_ages(table: pd.DataFrame, path: Path) -> None:
    """Save a histogram of age by gender, of records with the columns of `Records.table`, as PNG."""
    from matplotlib.figure import Figure

    colours = dict(zip((*GENDERS, "gender unknown"), (*GENDER_COLOURS, "#888888"), strict=True))
    gender = table["gender"].map(dict(enumerate(GENDERS))).fillna("gender unknown")
    counts = {name: int((gender == name).sum()) for name in colours if (gender == name).any()}
    middle = age_midpoint(table["age_low"], table["age_high"])
    figure = Figure(figsize=(8, 4))
    axes = figure.subplots()
    axes.hist(
        [middle[gender == name].dropna() for name in counts],
        bins=np.arange(0, MAX_AGE + _BIN + 1, _BIN) - 0.5,
        stacked=True,
        label=[f"{name} ({count:,})" for name, count in counts.items()],
        color=[colours[name] for name in counts],
    )
    axes.set(xlabel="age in years", ylabel="faces", title=f"{len(table):,} faces")
    axes.yaxis.get_major_locator().set_params(integer=True)
    axes.legend()
    figure.savefig(path, format="png", dpi=100, metadata=_MARK)


def draw_contact_sheet(database: Database, seed: int, path: Path) -> None:
    """Save random faces of each decade of age, one row per decade, with their labels, as PNG."""
    from matplotlib.image import imsave

    rng = np.random.default_rng(seed)
    low, high, gender = database.age_low, database.age_high, database.gender
    decade = np.minimum(age_midpoint(low, high) // 10, MAX_AGE // 10 - 1)
    decades = np.unique(decade[~np.isnan(decade)])
    shape = (max(len(decades), 1), _CELL + _STRIP, _FACES_PER_DECADE, _CELL, 3)
    sheet = np.full(shape, 255, np.uint8)
    for line, number in zip(sheet, decades, strict=False):
        rows = rng.permutation(np.flatnonzero(decade == number))[:_FACES_PER_DECADE]
        for column, row in enumerate(rows):
            cell = line[:, column]
            cell[:_CELL] = resize(database.image[np.array([row])][0], _CELL)
            label = age_text(low[row], high[row])
            label += "" if np.isnan(gender[row]) else f" {INITIALS[int(gender[row])]}"
            place = (4, _CELL + 15)
            cv2.putText(cell, label, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1)
    sheet = sheet.reshape(-1, _FACES_PER_DECADE * _CELL, 3)[:, :, ::-1]
    imsave(path, np.ascontiguousarray(sheet), format="png", metadata=_MARK)
