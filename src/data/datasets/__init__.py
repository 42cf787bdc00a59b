"""Readers of public datasets, by name.

A reader is `read(data_dir, options) -> Records`. It lives in a module of its own, imported when it
is asked for, and knows nothing of pixels.
"""

from __future__ import annotations

import ntpath
import posixpath
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from src.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

_MODULES = {
    "wiki": "imdb_wiki",
    "imdb": "imdb_wiki",
    "utkface": "utkface",
    "fairface": "fairface",
    "appa_real": "appa_real",
    "lap": "lap",
    "csv": "labels_csv",
}
NAMES = tuple(_MODULES)
TARGETS = ("apparent", "real")


@dataclass(frozen=True)
class Options:
    """What a reader is told beside the folder; each heeds what its dataset has.

    db: name of the dataset.  min_score: lowest face score (IMDB-WIKI).
    split: part of the dataset: train, valid, test or val, as its files are named.
    target: which age: "apparent" or "real" (APPA-REAL).
    ignore_list: CSV file of pictures to leave out (APPA-REAL).  labels: the CSV file of `csv`.
    """

    db: str
    min_score: float = 1.0
    split: str = "train"
    target: str = "apparent"
    ignore_list: Path | None = None
    labels: Path | None = None


@dataclass
class Records:
    """The labelled face pictures of a dataset.

    table: one row a picture, in the dataset's order, with the columns
        `path` (str, relative to the dataset's folder),
        `age_low`, `age_high` (float64, whole years 0..100, inclusive, NaN where unknown),
        `gender` (float64, 0 female, 1 male, NaN where unknown) and
        `group` (str, the dataset's own group label, for audits only, "" where it has none).
    removed: rows that each rule removed, in the order of the rules.
    skipped: path and reason of rows that a rule removed for what the picture is, not its label.
    margin: the margin around the face that the dataset's crops have, as a share of the box that
        dlib's detector draws; NaN where they are no crops.
    """

    table: pd.DataFrame
    removed: dict[str, int] = field(default_factory=dict)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    margin: float = float("nan")


def get_reader(db: str) -> Callable[[Path, Options], Records]:
    """The reader of the dataset `db`, one of `NAMES`."""
    return import_module(f"src.data.datasets.{_MODULES[db]}").read


def check_paths(paths: Iterable[str], source: Path) -> None:
    """Raise `UserError` where one of `paths` leads out of the folder that it is relative to."""
    for row, path in enumerate(paths, 1):
        if _climbs_out(path):
            raise UserError(
                f"{source}: expected pictures inside the dataset's folder, received {str(path)!r} "
                f"in row {row}, which leads out of it; correct the label file"
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
