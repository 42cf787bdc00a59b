"""Histogram of a database."""

from pathlib import Path

import numpy as np
import pandas as pd

from ..labels import GENDER_COLOURS, GENDERS, MAX_AGE, age_midpoint
from ..outputs import has_mark

_BIN = 5  # years of a bar of the histogram
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
