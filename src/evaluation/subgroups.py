"""Subgroups of the evaluated faces."""

import numpy as np
import pandas as pd

from ..labels import MAX_AGE, age_midpoint
from .results import LABELS, gender_names

FEW = 30  # faces: values of fewer are marked
ALL = "all"
CROSS = " x "  # between the names of two crossed subgroups
USE, SOURCE = "use", "source"
OLDEST_CHILD = 12  # years
AGE_BANDS = [*(f"{age}-{age + 9}" for age in range(0, 70, 10)), f"70-{MAX_AGE}"]
_CROSSED = (("age", "gender"), ("age", "group"), ("gender", "group"), (USE, SOURCE))


def subgroups(labels: pd.DataFrame) -> dict[str, np.ndarray]:
    """Positions, int64, of each non-empty subgroup by name, "all" first.

    "age 0-9" and so on; "children 0-12"; "gender female"; "group Asian", "source wiki", "use never
    seen" and values of further columns; and crossings of age, gender and group, "age 0-9 x gender
    female", and of use and source.
    """
    midpoint = age_midpoint(labels["age_low"], labels["age_high"]).to_numpy()
    values = {
        "age": np.array([*AGE_BANDS, ""])[age_band(midpoint)],
        "children": np.where(midpoint <= OLDEST_CHILD, f"0-{OLDEST_CHILD}", ""),
        "gender": gender_names(labels["gender"]),
        **{kind: labels[kind].to_numpy() for kind in labels.columns.drop(LABELS)},
    }
    texts = {kind: pd.Series(each, dtype=object) for kind, each in values.items()}
    names = {kind: (f"{kind} " + each).where(each != "", "") for kind, each in texts.items()}
    for one, other in _CROSSED:
        if one in names and other in names:
            known = (names[one] != "") & (names[other] != "")
            names[one + CROSS + other] = (names[one] + CROSS + names[other]).where(known, "")
    found = {ALL: np.arange(len(labels))}
    for each in names.values():
        found |= each.groupby(each).indices
    found.pop("", None)
    return found


def age_band(age: np.ndarray) -> np.ndarray:
    """The index of each age's decade in `AGE_BANDS`, int64 (N,), -1 if unknown."""
    return np.nan_to_num(np.minimum(age // 10, len(AGE_BANDS) - 1), nan=-1).astype(np.int64)


def kind_of(name: str) -> str:
    """The kind of a subgroup: "all", "age", "gender", "age x gender" and so on."""
    return CROSS.join(part.partition(" ")[0] for part in name.split(CROSS))
