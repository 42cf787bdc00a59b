"""Labelled faces of databases and images, cropped as each model expects them."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd

from ..data.database import Database, join, open_database
from ..data.datasets.published import AGE_COLUMNS, APPA_REAL_MARGIN, read_appa_real_labels
from ..data.datasets.tables import read_csv
from ..data.identities import file_identity
from ..data.split import database_names
from ..errors import UserError
from ..estimation.estimator import Estimator
from ..faces.crop import FaceCrop
from ..faces.finder import FaceFinder
from ..faces.images import resize
from ..models.description import Description
from ..models.seen import NEVER_SEEN, UNKNOWN, rows_of_part, seen_in, seen_in_files, use_of
from .results import labels_table

_OTHER_CROPS = "it sees other crops than it was trained on"
Faces = tuple[np.ndarray, list[str]]


@dataclass(frozen=True)
class EvaluationSet:
    """Labelled faces, of databases or of images.

    labels: see `results.labels_table`; its index is the row in what was read.
    notes: warnings, one line each.
    """

    labels: pd.DataFrame
    notes: list[str]
    unit: ClassVar = "faces"

    def uses(self, description: Description) -> dict[str, str]:
        """Use of each source in the model's training, see `models.seen.use_of`."""
        seen = pd.Series(self.seen(description), self.labels.index)
        return seen.groupby(self.labels["source"], sort=False).agg(use_of).to_dict()

    def check(self, estimator: Estimator) -> list[str]:
        """Differences between these faces and the model's, one line each.

        Raises `UserError` if metrics would be meaningless.
        """
        known = estimator.description.margins
        expected = " or ".join(f"{margin:g}" for margin in known)
        return [
            f"{name} were cropped with a margin of {margin:g}, the model with {expected}: "
            f"{_OTHER_CROPS}"
            for name, margin in self.margins.items()
            if margin is not None and not np.isclose(margin, known).any()
        ]


@dataclass(frozen=True)
class DatabaseFaces(EvaluationSet):
    """Faces of joined databases.

    parts: the databases that are joined to `database`.
    """

    database: Database
    parts: list[Database]

    def read(self, index: pd.Index, crop: FaceCrop) -> Faces:
        """Faces at an index, (n,), of `labels`, as a model with this crop expects them.

        Returns:
            uint8 (m, S, S, 3), m <= n, BGR, and per row the reason of a missing face, or "".
        """
        faces = self.database.image[index.to_numpy()]
        if self.database.crop.size != crop.size:
            faces = np.stack([resize(face, crop.size) for face in faces])
        return faces, [""] * len(index)

    @property
    def margins(self) -> dict[str, float | None]:
        return {part.path.name: part.crop.margin for part in self.parts}

    def check(self, estimator: Estimator) -> list[str]:
        crop, expected = self.database.crop, estimator.crop
        if crop.alignment != expected.alignment:
            how = f"with --align {expected.alignment}" if expected.is_aligned else "without --align"
            raise UserError(
                f"--input: expected faces with the model's alignment, {expected.alignment}; those "
                f"of {self.parts[0].path} have {crop.alignment}: make it again {how}"
            )
        notes = super().check(estimator)
        if crop.size != expected.size:
            notes.append(f"faces are {crop.size} pixels wide, and resized to {expected.size}")
        return notes

    def identities(self, index: pd.Index) -> tuple[np.ndarray, np.ndarray]:
        """Identity, uint64 (n,), see `data.identities`, and dataset, str (n,), of faces at an index
        of `labels`."""
        identities = np.concatenate([part.identities for part in self.parts])
        db = np.repeat([part.db for part in self.parts], [*map(len, self.parts)])
        return identities[index], db[index]

    def seen(self, description: Description) -> np.ndarray:
        """What a model has seen of each face, str (N,), see `models.seen.seen_in`."""
        return seen_in(self.parts, description)[self.labels.index]


@dataclass(frozen=True)
class ImageFaces(EvaluationSet):
    """One face of each image, the largest that `detector` finds; with "none" images are face
    crops, without alignment.

    folder: of the paths in `labels`.
    dataset: of the images, see `models.seen.seen_in_files`.
    margins: of face crops, if it is known, as {"images": 0.4}.
    detector, min_face: see `detectors.get_detector`.  scheduler: see `FaceFinder.find_all`.
    """

    folder: Path
    dataset: str = ""
    margins: dict[str, float] = field(default_factory=dict)
    detector: str = "none"
    min_face: int | None = None
    scheduler: str | None = None
    unit: ClassVar = "images"

    def read(self, index: pd.Index, crop: FaceCrop) -> Faces:
        finder = FaceFinder(self.detector, self.min_face, crop)
        found = list(finder.find_all(self._paths(index), self.scheduler))
        faces = np.array([each.largest_crop for each in found if each.faces], np.uint8)
        return faces.reshape(-1, crop.size, crop.size, 3), [each.reason for each in found]

    def check(self, estimator: Estimator) -> list[str]:
        notes, alignment = super().check(estimator), estimator.crop.alignment
        if self.margins and estimator.crop.is_aligned:
            notes.append(f"images are not aligned, the model expects {alignment}: {_OTHER_CROPS}")
        if UNKNOWN in self.uses(estimator.description).values():
            notes.append("whether the images were used in training is unknown")
        return notes

    def identities(self, index: pd.Index) -> tuple[np.ndarray, np.ndarray]:
        values = [file_identity(path.read_bytes()) for path in self._paths(index)]
        return np.array(values, np.uint64), np.full(len(values), self.dataset or "csv")

    def seen(self, description: Description) -> np.ndarray:
        return seen_in_files(self._paths(self.labels.index), self.dataset, description)

    def _paths(self, index: pd.Index) -> list[Path]:
        return [self.folder / name for name in self.labels.loc[index, "path"]]


def from_databases(
    paths: list[Path],
    part: str = "all",
    owner: Description | None = None,
    flag: str = "--part",
) -> DatabaseFaces:
    """The labelled faces of databases.

    part: "all", or a part of the split of `owner`, the description of a model: "validation",
        "test" or "training". Datasets that it was never trained on are used whole.
    Raises `UserError` naming `flag` if the part cannot be found in the databases.
    """
    parts = [open_database(path) for path in paths]
    database, lengths = join(parts), [*map(len, parts)]
    kinds = {"source": np.repeat(database_names(parts), lengths)}
    if any(database.group):
        kinds["group"] = np.array(database.group)
    labels = labels_table(
        database.names or [f"row {row}" for row in range(len(database))],
        database.gender,
        database.age_low,
        database.age_high,
        row=np.concatenate([np.arange(length) for length in lengths]),
        person=database.persons,
        **kinds,
    )
    if part != "all":
        labels = labels.iloc[rows_of_part(parts, owner, part, flag)]
    faces = DatabaseFaces(*_with_label(labels), database, parts)
    uses = faces.uses(owner) if owner else {}
    new = [name for name, use in uses.items() if use == NEVER_SEEN]
    faces.notes.extend(f"{name} was never trained on: all of its faces are used" for name in new)
    return faces


def from_csv(
    path: Path, dataset: str = "", encoding: str | None = None, **finding: str | int | None
) -> ImageFaces:
    """The images that a CSV file labels, see `datasets.tables.read_csv`; paths are absolute or
    relative to its folder.

    encoding: one of Python's names.  dataset, finding: see `ImageFaces`.
    """
    table = read_csv(path.parent, path, encoding, anywhere=True).table
    kinds = {"source": dataset or path.stem}
    if table["group"].any():
        kinds["group"] = table["group"]
    columns = (table[name] for name in ("path", "gender", "age_low", "age_high"))
    labels = labels_table(*columns, person=table["person"], **kinds)
    return ImageFaces(*_with_label(labels), path.parent, dataset, **finding)


def from_appa_real(data_dir: Path, split: str) -> tuple[ImageFaces, pd.DataFrame]:
    """The face crops of a split with their apparent age, and its table of labels.

    Reads `gt_avg_{split}.csv`, `{split}/{file_name}_face.jpg` and `allcategories_{split}.csv`, if
    present. Ages above 100 are kept. Raises `UserError` if the labels are missing or malformed.
    """
    table = read_appa_real_labels(data_dir, split)
    columns = table.loc[:, "group":].drop(columns=["ethnicity", "race"], errors="ignore")
    kinds = {"source": "appa_real", **columns.loc[:, columns.any()]}
    if "apparent_age_std" in table:
        kinds["age_std"] = pd.to_numeric(table["apparent_age_std"], errors="coerce")
    names, age = table["file_name"] + "_face.jpg", table[AGE_COLUMNS["apparent"]]
    faces = *_with_label(labels_table(names, table["gender"], age, age, **kinds)), data_dir / split
    return ImageFaces(*faces, "appa_real", {"images": APPA_REAL_MARGIN}), table


def _with_label(labels: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The faces with a label, and a note on the number of faces without."""
    known = labels[labels[["age_low", "gender"]].notna().any(axis=1)]
    without = len(labels) - len(known)
    if known.empty:
        raise UserError(f"expected faces with a known age or gender, none of {without:,} has one")
    note = f"{without:,} of {len(labels):,} faces have neither age nor gender and are skipped"
    return known, [note] if without else []
