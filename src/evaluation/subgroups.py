"""Subgroups of the evaluated faces."""

from collections.abc import Iterable

import numpy as np

from ..labels import GENDERS, MAX_AGE, age_midpoint
from .results import Labels

FEW = 30  # faces: values of fewer are marked
ALL = "all"
CROSS = " x "  # between the names of two crossed subgroups
USE, SOURCE = "use", "source"
OLDEST_CHILD = 12  # years
_DECADES = 8  # the last one extends to MAX_AGE
_CROSSED = (("age", "gender"), ("age", "group"), ("gender", "group"), (USE, SOURCE))


def subgroups(labels: Labels) -> dict[str, np.ndarray]:
    """Rows, int64, of each non-empty subgroup by name, "all" first.

    "age 0-9" and so on; "children 0-12"; "gender female"; "group Asian", "source wiki", "use never
    seen" and values of further columns; and crossings of age, gender and group, "age 0-9 x gender
    female", and of use and source.
    """
    columns = {
        "age": age_bands(labels),
        "children": np.where(_midpoint(labels) <= OLDEST_CHILD, f"0-{OLDEST_CHILD}", ""),
        "gender": np.array([*GENDERS, ""])[np.nan_to_num(labels.gender, nan=2).astype(int)],
    }
    columns |= {
        name: values
        for name, values in labels.columns.items()
        if name != SOURCE or USE in labels.columns or len(np.unique(values)) > 1
    }
    masks = {
        kind: {f"{kind} {value}": values == value for value in np.unique(values) if value != ""}
        for kind, values in columns.items()
    }
    found = {ALL: np.ones(len(labels), bool)}
    for by_value in masks.values():
        found |= by_value
    for one, other in _CROSSED:
        for name, mask in masks.get(one, {}).items():
            for second, its in masks.get(other, {}).items():
                found[name + CROSS + second] = mask & its
    return {name: np.flatnonzero(mask) for name, mask in found.items() if mask.any()}


def is_age_band(name: str) -> bool:
    return name.startswith("age ") and CROSS not in name


def by_kind(names: Iterable[str]) -> dict[str, list[str]]:
    """Names of subgroups by kind, "age", "gender", "age x gender" and so on, without "all"."""
    kinds: dict[str, list[str]] = {}
    for name in dict.fromkeys(names):
        if name != ALL:
            kind = CROSS.join(part.partition(" ")[0] for part in name.split(CROSS))
            kinds.setdefault(kind, []).append(name)
    return kinds


def age_bands(labels: Labels) -> np.ndarray:
    """Decade of the middle of each label's range, str (N,), "" if unknown."""
    middle = _midpoint(labels)
    decade = np.minimum(np.nan_to_num(middle) // 10, _DECADES - 1).astype(int)
    names = np.array([_band(index) for index in range(_DECADES)])
    return np.where(np.isnan(middle), "", names[decade])


def _midpoint(labels: Labels) -> np.ndarray:
    return age_midpoint(labels.age_low, labels.age_high)


def _band(index: int) -> str:
    last = MAX_AGE if index == _DECADES - 1 else 10 * index + 9
    return f"{10 * index}-{last}"
