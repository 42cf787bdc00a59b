"""Histogram and contact sheet of a database."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ..labels import GENDER_COLOURS, GENDERS, INITIALS, MAX_AGE, age_midpoint, age_text
from ..outputs import has_mark

_BIN = 5  # years of a bar of the histogram
_MARK = {"Software": "age and gender estimation: create_db.py"}  # PNG metadata

is_summary = has_mark(_MARK["Software"].encode())


def plot_ages(table: pd.DataFrame, path: Path) -> None:
    """Save a histogram of age by gender, of records with the columns of `Records.table`, as PNG."""
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


def draw_faces(table: pd.DataFrame, faces: np.ndarray, seed: int, path: Path) -> None:
    """Save up to ten random faces of each decade of age, with their labels, as PNG.

    table: as in `Records`, (N,).  faces: uint8 (N, S, S, 3), BGR.
    """
    table = table.reset_index(drop=True)
    decade = (age_midpoint(table["age_low"], table["age_high"]) // 10).clip(upper=MAX_AGE // 10 - 1)
    drawn = decade.dropna().sample(frac=1, random_state=seed).groupby(decade).head(10)
    genders = table["gender"].map(dict(enumerate(INITIALS))).fillna("")
    labels = [*zip(map(age_text, table["age_low"], table["age_high"]), genders, strict=True)]
    decades = (rows.index for _, rows in drawn.groupby(drawn))
    lines = [[(faces[[row]][0], " ".join(labels[row])) for row in rows] for rows in decades]
    contact_sheet(lines or [[]]).savefig(path, format="png", dpi=128, metadata=_MARK)


def contact_sheet(lines: list[list[tuple[np.ndarray, str]]]) -> Figure:
    """A figure of faces, uint8 (S, S, 3), BGR, with titles; each line has at most ten."""
    figure = Figure(figsize=(10, len(lines) * 1.3), layout="constrained")
    for line, cells in zip(lines, figure.subplots(len(lines), 10, squeeze=False), strict=True):
        for axes in cells:
            axes.axis("off")
        for axes, (face, title) in zip(cells, line, strict=False):
            axes.imshow(face[..., ::-1])
            axes.set_title(title, fontsize=6)
    return figure
