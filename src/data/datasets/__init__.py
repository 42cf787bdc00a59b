"""Readers of public datasets, by name.

A reader is `read(data_dir, db, min_score) -> Records`. It lives in a module of its own, imported
when it is asked for, and knows nothing of pixels.
"""

from __future__ import annotations

import ntpath
import posixpath
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from src.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

_MODULES = {"wiki": "imdb_wiki", "imdb": "imdb_wiki"}
NAMES = tuple(_MODULES)


@dataclass
class Records:
    """The labelled face pictures of a dataset.

    table: one row a picture, in the dataset's order, with the columns
        `path` (str, relative to the dataset's folder),
        `age_low`, `age_high` (float64, whole years 0..100, inclusive, NaN where unknown),
        `gender` (float64, 0 female, 1 male, NaN where unknown) and
        `group` (str, the dataset's own group label, for audits only, "" where it has none).
    removed: rows that each rule removed, in the order of the rules.
    margin: the margin around the face that the dataset's crops have, as a share of its box.
    """

    table: pd.DataFrame
    removed: dict[str, int]
    margin: float


def get_reader(db: str) -> Callable[[Path, str, float], Records]:
    """The reader of the dataset `db`, one of `NAMES`."""
    return import_module(f"src.data.datasets.{_MODULES[db]}").read


def check_paths(paths: Iterable[str], source: Path) -> None:
    """Raise `UserError` where one of `paths` leads out of the folder that it is relative to."""
    for path in paths:
        if _climbs_out(path):
            raise UserError(
                f"{source}: expected pictures inside the dataset's folder, received {path!r}, "
                "which leads out of it; correct the label file"
            )


def _climbs_out(path: str) -> bool:
    """Whether `path`, read as Unix or as Windows would, is absolute or ends above its start."""
    return (
        posixpath.isabs(path)
        or bool(ntpath.splitdrive(path)[0])
        or ntpath.isabs(path)
        or posixpath.normpath(path).split("/")[0] == ".."
        or ntpath.normpath(path).split("\\")[0] == ".."
    )
