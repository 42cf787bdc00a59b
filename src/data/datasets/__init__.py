"""Readers of public datasets and their options, by name.

A reader is a function of the dataset's folder and its options that returns `Records`, imported at
first use. It reads labels only, never pixels. `docs/extending.md` shows how to add one.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING

from ...extras import resolve
from ...flags import flag

if TYPE_CHECKING:
    import pandas as pd

NAN = float("nan")
_GROUP = "options of --db"
COLUMNS = {  # of `Records.table`: name -> value in datasets that lack it
    "path": "",
    "age_low": NAN,
    "age_high": NAN,
    "gender": NAN,
    "group": "",
    "person": "",
    "box": None,
}


@dataclass
class Records:
    """The labelled face images of a dataset.

    Attributes:
        table: one row per face, in the dataset's order, with the columns
            `path` (str, relative to the dataset's folder),
            `age_low`, `age_high` (float64, whole years 0..100, inclusive, NaN where unknown),
            `gender` (float64, 0 female, 1 male, NaN where unknown),
            `group` (str, the dataset's own label, for audits only, "" where unknown),
            `person` (str, the same for all images of one person, "" where unknown) and
            `box` of the face (`faces.images.Box`, None where unknown);
            columns that a reader does not return are added as unknown.
        removed: number of rows that each rule removed, in the order of the rules.
        skipped: path and reason of rows removed for their image, not for their label.
        margin: crop margin of the dataset's images, as a fraction of the box of dlib's detector;
            NaN if they are not face crops.
    """

    table: pd.DataFrame
    removed: dict[str, int] = field(default_factory=dict)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    margin: float = NAN

    def __post_init__(self):
        missing = {name: value for name, value in COLUMNS.items() if name not in self.table}
        table = self.table.assign(**missing)[list(COLUMNS)].reset_index(drop=True)
        self.table = table.astype(dict.fromkeys(("age_low", "age_high", "gender"), "float64"))


@dataclass(frozen=True)
class NoOptions:
    """The options of most readers."""


@dataclass(frozen=True)
class ImdbWiki:
    min_score: float = flag(1.0, help="minimum face_score in wiki and imdb", group=_GROUP)
    persons: bool = flag(
        False,
        help="store the names of the people in wiki and imdb, to keep all images of a person in "
        "one part of the split",
    )


@dataclass(frozen=True)
class Split:
    split: str = flag("train", help="part of a dataset with one label file per part", group=_GROUP)


@dataclass(frozen=True)
class AppaReal(Split):
    target: str = flag(
        "apparent", help="kind of age in appa_real", choices=("apparent", "real"), group=_GROUP
    )
    ignore_list: Path | None = flag(
        None,
        help="CSV file of images in appa_real to skip, in the column img_name (default: "
        "ignore_list.csv in --data_dir, if it exists)",
    )


@dataclass(frozen=True, kw_only=True)
class EncodingFlags:
    """The encoding of a label file, shared by scripts."""

    encoding: str | None = flag(
        None,
        help="encoding of the CSV file, one of Python's names, such as gbk or cp1252 "
        "(default: UTF-8, or UTF-16 if it has a byte order mark)",
    )


@dataclass(frozen=True, kw_only=True)
class Csv(EncodingFlags):
    labels: Path | None = flag(
        None, help="label file of --db csv (default: labels.csv in --data_dir)", group=_GROUP
    )


@dataclass(frozen=True)
class Dataset:
    """A dataset.

    Attributes:
        reader: "module:function".
        options: dataclass of the reader's options, each of which is a flag.
        folder: its usual one in data/; "" is the dataset's name.
        photos: whether its images are photos, so that faces must be cropped.
    """

    reader: str
    options: type = NoOptions
    folder: str = ""
    photos: bool = False


_IN = ".data.datasets."
DATASETS = {
    "wiki": Dataset(_IN + "imdb_wiki:read_wiki", ImdbWiki, "wiki_crop"),
    "imdb": Dataset(_IN + "imdb_wiki:read_imdb", ImdbWiki, "imdb_crop"),
    "utkface": Dataset(_IN + "names:read_utkface"),
    "fairface": Dataset(_IN + "published:read_fairface", Split),
    "all_age_faces": Dataset(_IN + "names:read_all_age_faces", photos=True),
    "appa_real": Dataset(_IN + "published:read_appa_real", AppaReal),
    "lap": Dataset(_IN + "published:read_lap", Split),
    "adience": Dataset(_IN + "published:read_adience"),
    "afad": Dataset(_IN + "names:read_afad"),
    "agedb": Dataset(_IN + "names:read_agedb"),
    "cacd": Dataset(_IN + "names:read_cacd"),
    "fgnet": Dataset(_IN + "names:read_fgnet"),
    "lagenda": Dataset(_IN + "published:read_lagenda"),
    "megaage_asian": Dataset(_IN + "published:read_megaage_asian", Split),
    "morph": Dataset(_IN + "names:read_morph"),
    "folders": Dataset(_IN + "names:read_folders"),
    "csv": Dataset(_IN + "tables:read_csv", Csv),
}


def options_of(db: str) -> list[str]:
    """Names of the options of a dataset's reader."""
    return [option.name for option in fields(DATASETS[db].options)]


def read_dataset(db: str, data_dir: Path, **options) -> Records:
    """The records of the dataset `db`, a key of `DATASETS`, in the folder `data_dir`.

    Args:
        options: of its reader, by name.

    Raises:
        UserError: for unknown labels.
    """
    dataset = DATASETS[db]
    return resolve(dataset.reader)(data_dir, **asdict(dataset.options(**options)))
