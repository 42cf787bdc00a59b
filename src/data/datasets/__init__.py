"""Readers of public datasets and their options, by name.

A reader is a function `read(data_dir, **options) -> Records` in a module of its own, imported at
first use. It reads labels only, never pixels. `docs/extending.md` shows how to add one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import UserError
from ...extras import resolve

if TYPE_CHECKING:
    import pandas as pd

TARGETS = ("apparent", "real")
NAN = float("nan")
COLUMNS = {  # of `Records.table`: name -> value in datasets that lack it
    "path": "",
    "age_low": NAN,
    "age_high": NAN,
    "gender": NAN,
    "group": "",
    "person": "",
}


@dataclass(frozen=True)
class Option:
    """An option of a reader, set by the flag `--{name}`.

    help: a noun phrase.  default: False makes it a flag without a value.  type: converts the
    flag's text.  choices: the accepted values; None accepts any.  default_help: description of a
    default that the value does not show.
    """

    name: str
    help: str
    default: object = None
    type: Callable[[str], object] = str
    choices: tuple[str, ...] | None = None
    default_help: str = ""


@dataclass(frozen=True)
class Dataset:
    """A dataset.

    reader: "module:function".  folder: its usual one in data/; "" is the dataset's name.
    photos: whether its pictures are photos, so that faces must be cropped.
    """

    reader: str
    options: tuple[Option, ...] = ()
    folder: str = ""
    photos: bool = False


@dataclass
class Records:
    """The labelled face pictures of a dataset.

    table: one row per picture, in the dataset's order, with the columns
        `path` (str, relative to the dataset's folder),
        `age_low`, `age_high` (float64, whole years 0..100, inclusive, NaN where unknown),
        `gender` (float64, 0 female, 1 male, NaN where unknown),
        `group` (str, the dataset's own group label, for audits only, "" where unknown) and
        `person` (str, the same for all pictures of one person, "" where unknown);
        columns that the reader leaves out are added as unknown.
    removed: number of rows that each rule removed, in the order of the rules.
    skipped: path and reason of rows removed for their picture, not for their label.
    margin: crop margin of the dataset's pictures, as a fraction of the box of dlib's detector; NaN
        if they are not face crops.
    """

    table: pd.DataFrame
    removed: dict[str, int] = field(default_factory=dict)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    margin: float = NAN

    def __post_init__(self):
        missing = {name: value for name, value in COLUMNS.items() if name not in self.table}
        table = self.table.assign(**missing)[list(COLUMNS)].reset_index(drop=True)
        self.table = table.astype(dict.fromkeys(("age_low", "age_high", "gender"), "float64"))


MIN_SCORE = Option("min_score", "minimum face_score", 1.0, float)
PERSONS = Option(
    "persons",
    "store the names of the people, to keep all pictures of a person in one part of the split",
    False,
)
SPLIT = Option("split", "part of the dataset, as its label file is named", "train")
TARGET = Option("target", "kind of age", "apparent", choices=TARGETS)
IGNORE_LIST = Option(
    "ignore_list",
    "CSV file of pictures to leave out, in the column img_name",
    type=Path,
    default_help="ignore_list.csv in --data_dir, if it exists",
)
LABELS = Option(
    "labels", "CSV file of paths and labels", type=Path, default_help="labels.csv in --data_dir"
)

_IMDB_WIKI = (MIN_SCORE, PERSONS)
DATASETS = {
    "wiki": Dataset(".data.datasets.imdb_wiki:read_wiki", _IMDB_WIKI, "wiki_crop"),
    "imdb": Dataset(".data.datasets.imdb_wiki:read_imdb", _IMDB_WIKI, "imdb_crop"),
    "utkface": Dataset(".data.datasets.utkface:read"),
    "fairface": Dataset(".data.datasets.fairface:read", (SPLIT,)),
    "all_age_faces": Dataset(".data.datasets.all_age_faces:read", photos=True),
    "appa_real": Dataset(".data.datasets.appa_real:read", (SPLIT, TARGET, IGNORE_LIST)),
    "lap": Dataset(".data.datasets.lap:read", (SPLIT,)),
    "csv": Dataset(".data.datasets.labels_csv:read", (LABELS,)),
}


def read_dataset(db: str, data_dir: Path, **options) -> Records:
    """The records of the dataset `db`, a key of `DATASETS`, in the folder `data_dir`.

    Raises `UserError` for an option that the reader does not declare, and for unknown labels.
    """
    read = resolve(DATASETS[db].reader)
    return read(data_dir, **resolve_options(db, options))


def resolve_options(db: str, given: dict[str, object]) -> dict[str, object]:
    """All options of the reader of `db`: the given ones, and defaults for the rest."""
    declared = {option.name: option.default for option in DATASETS[db].options}
    for name, value in given.items():
        if name not in declared:
            known = ", ".join(f"--{name}" for name in declared) or "none"
            raise UserError(
                f"--{name}: expected an option of --db {db} ({known}), received {str(value)!r}; "
                "leave the flag out"
            )
    return declared | given
