"""Subgroups of the evaluated faces."""

from collections.abc import Iterable
from itertools import combinations

import numpy as np

from ..labels import GENDERS, MAX_AGE, age_midpoint
from .results import Labels

FEW = 30  # faces: figures of fewer are marked
ALL = "all"
CROSS = " x "  # between the names of two crossed slices
OLDEST_CHILD = 12  # years
_DECADES = 8  # the last one extends to MAX_AGE


def slices(labels: Labels) -> dict[str, np.ndarray]:
    """Rows, int64, of each non-empty slice by name, "all" first.

    "age 0-9" and so on; "children 0-12"; "gender female"; "group Asian", "source wiki" and values
    of further columns; and crossings of age, gender and group, "age 0-9 x gender female".
    """
    columns = {
        "age": age_bands(labels),
        "children": np.where(_middle(labels) <= OLDEST_CHILD, f"0-{OLDEST_CHILD}", ""),
        "gender": _gender_names(labels),
    }
    columns |= {
        name: values
        for name, values in labels.columns.items()
        if name != "source" or len(np.unique(values)) > 1
    }
    found = {ALL: np.arange(len(labels))}
    masks = {name: _by_value(name, values) for name, values in columns.items()}
    for by_value in masks.values():
        found |= {name: np.flatnonzero(mask) for name, mask in by_value.items()}
    crossed = [masks[name] for name in ("age", "gender", "group") if name in masks]
    for one, other in combinations(crossed, 2):
        for name, mask in one.items():
            crossing = {name + CROSS + second: mask & its for second, its in other.items()}
            found |= {both: np.flatnonzero(its) for both, its in crossing.items() if its.any()}
    return found


def is_age_band(name: str) -> bool:
    return name.startswith("age ") and CROSS not in name


def is_one_gender(name: str) -> bool:
    return "gender" in (part.partition(" ")[0] for part in name.split(CROSS))


def by_kind(names: Iterable[str]) -> dict[str, list[str]]:
    """Names of slices by kind, "age", "gender", "age x gender" and so on, without "all"."""
    kinds: dict[str, list[str]] = {}
    for name in dict.fromkeys(names):
        if name != ALL:
            kind = CROSS.join(part.partition(" ")[0] for part in name.split(CROSS))
            kinds.setdefault(kind, []).append(name)
    return kinds


def age_bands(labels: Labels) -> np.ndarray:
    """Decade of the middle of each label's range, str (N,), "" if unknown."""
    middle = _middle(labels)
    decade = np.minimum(np.nan_to_num(middle) // 10, _DECADES - 1).astype(int)
    names = np.array([_band(number) for number in range(_DECADES)])
    return np.where(np.isnan(middle), "", names[decade])


def _middle(labels: Labels) -> np.ndarray:
    return age_midpoint(labels.age_low, labels.age_high)


def _band(number: int) -> str:
    last = MAX_AGE if number == _DECADES - 1 else 10 * number + 9
    return f"{10 * number}-{last}"


def _gender_names(labels: Labels) -> np.ndarray:
    names = np.array([*GENDERS, ""])
    return names[np.nan_to_num(labels.gender, nan=len(GENDERS)).astype(int)]


def _by_value(column: str, values: np.ndarray) -> dict[str, np.ndarray]:
    """Masks, bool (N,), by "column value"; "" is not a value."""
    return {f"{column} {value}": values == value for value in np.unique(values) if value != ""}
