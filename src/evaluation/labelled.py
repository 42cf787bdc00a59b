"""Labelled faces of databases and pictures, cropped as each model expects them."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from src.data.create import MISSING, UNDECODABLE
from src.data.database import Database, open_database
from src.data.datasets import read_dataset
from src.data.joined import join
from src.data.split import rows_by_database
from src.errors import UserError
from src.estimation.estimator import Estimator
from src.evaluation.results import Labels
from src.evaluation.seen import NEVER_SEEN, rows_of_part, use_of
from src.faces.crop import NO_ALIGNMENT, Cut, FaceError, get_cutter
from src.faces.images import ImageError, change_margin, read_image, resize
from src.models.description import Description


class EvaluationSet(Protocol):
    """Labelled faces.

    unit: plural noun for its rows.  notes: warnings, one line each.
    """

    labels: Labels
    unit: str
    notes: list[str]

    def read(self, rows: np.ndarray, estimator: Estimator) -> tuple[np.ndarray, list[str]]:
        """Faces of `rows`, int64 (n,), as the model expects them, and reasons of missing ones.

        Returns uint8 (m, S, S, 3), m <= n, BGR, and per row "" or the reason; m of them are "".
        """

    def check(self, estimator: Estimator) -> list[str]:
        """Differences between these faces and the model's, one line each.

        Raises `UserError` if metrics would be meaningless.
        """

    def uses(self, description: Description) -> dict[str, str]:
        """Use of each source in the model's training, one of `seen.USES`; empty if unknown."""


@dataclass(frozen=True)
class DatabaseFaces:
    """The faces of `rows`, int64 (N,), of joined databases.

    margins: of their crops, float64 (N,), NaN where unknown.
    part: of the split of `owner`, the description of a model; or "all".
    fit_margin: whether faces with margins that a model was not trained with are cut or padded.
    """

    labels: Labels
    database: Database
    parts: list[Database]
    rows: np.ndarray
    margins: np.ndarray
    notes: list[str]
    fit_margin: bool = False
    part: str = "all"
    owner: Description | None = None
    unit: str = "faces"

    def read(self, rows: np.ndarray, estimator: Estimator) -> tuple[np.ndarray, list[str]]:
        faces, size = self.database.image[self.rows[rows]], estimator.img_size
        if self.fit_margin:
            _fit_margin(faces, self.margins[rows], estimator)
        if self.database.img_size != size:
            faces = _stack([resize(face, size) for face in faces], size)
        return faces, [""] * len(rows)

    def check(self, estimator: Estimator) -> list[str]:
        if self.database.align != estimator.align:
            how = "without" if estimator.align == NO_ALIGNMENT else "with"
            raise UserError(
                f"--input: expected faces with the model's alignment, {estimator.align}; those of "
                f"{self.parts[0].path} have {self.database.align}: make it again {how} --align"
            )
        then = (
            "they are cut or padded to it"
            if self.fit_margin
            else "it sees other crops than it was trained on (--fit_margin cuts or pads them)"
        )
        notes = [
            f"{part.path.name} was cut with a margin of {part.margin:g}, the model is used to "
            f"{' or '.join(f'{margin:g}' for margin in estimator.description.margins)}: {then}"
            for part in self.parts
            if _is_other(part.margin, estimator)
        ]
        size = self.database.img_size
        if size != estimator.img_size:
            notes.append(f"faces are {size} pixels wide, and resized to {estimator.img_size}")
        return notes

    def uses(self, description: Description) -> dict[str, str]:
        same_split = self.owner is not None and description.split == self.owner.split
        part = self.part if same_split else "all"
        names = rows_by_database(self.parts, np.arange(0))
        return {
            name: use_of(database, description, part)
            for name, database in zip(names, self.parts, strict=True)
        }


@dataclass(frozen=True)
class PictureFaces:
    """One face of each of `paths`: pictures that are face crops, or of which `detect` cuts the
    largest face out. Models whose faces are aligned have theirs aligned."""

    labels: Labels
    paths: list[Path]
    notes: list[str]
    detect: bool = False
    unit: str = "pictures"

    def read(self, rows: np.ndarray, estimator: Estimator) -> tuple[np.ndarray, list[str]]:
        is_aligned = estimator.align != NO_ALIGNMENT
        cut = Cut(self.detect, align=is_aligned, margin=estimator.margin)
        cutter = get_cutter(cut, estimator.img_size)
        paths = [self.paths[row] for row in rows]
        with ThreadPoolExecutor(1 if cut.finds_faces else None) as pool:  # dlib wants one thread
            read = list(pool.map(lambda path: _cut(path, cutter), paths))
        faces = [face for face, _ in read if face is not None]
        return _stack(faces, estimator.img_size), [reason for _, reason in read]

    def check(self, estimator: Estimator) -> list[str]:
        return []

    def uses(self, description: Description) -> dict[str, str]:
        return {}


def _is_other(margin: float, estimator: Estimator) -> bool:
    """Whether a margin is known to be none that the model was trained with."""
    if estimator.align != NO_ALIGNMENT or np.isnan(margin):
        return False
    return not np.isclose(margin, estimator.description.margins).any()


def _fit_margin(faces: np.ndarray, margins: np.ndarray, estimator: Estimator) -> None:
    """Give faces (N, S, S, 3), cut with `margins`, the model's margin where theirs are others."""
    for margin in np.unique(margins):
        if _is_other(margin, estimator):
            for place in np.flatnonzero(margins == margin):
                faces[place] = change_margin(faces[place], margin, estimator.margin)


def _stack(faces: list[np.ndarray], size: int) -> np.ndarray:
    return np.stack(faces) if faces else np.empty((0, size, size, 3), np.uint8)


def _cut(path: Path, cutter: Callable) -> tuple[np.ndarray | None, str]:
    """The face of a picture, or None and the reason."""
    try:
        return cutter(read_image(path)), ""
    except FileNotFoundError:
        return None, MISSING
    except ImageError:
        return None, UNDECODABLE
    except FaceError as error:
        return None, str(error)


def from_databases(
    paths: list[Path],
    part: str = "all",
    owner: Description | None = None,
    fit_margin: bool = False,
    flag: str = "--part",
) -> DatabaseFaces:
    """The labelled faces of databases.

    part: "all", or a part of the split of `owner`, the description of a model: "validation",
        "test" or "training". Of collections that it was never trained on, all faces are taken.
    fit_margin: see `DatabaseFaces`.
    Raises `UserError` naming `flag` if the part cannot be found in the databases.
    """
    parts = [open_database(path) for path in paths]
    database = join(parts)
    count = len(database)
    source = np.empty(count, object)
    for name, rows in rows_by_database(parts, np.arange(count)).items():
        source[rows] = name
    columns = {"source": source.astype(str)}
    if any(database.group):
        columns["group"] = np.array(database.group)
    labels = Labels(
        names=database.names or [f"row {row}" for row in range(count)],
        gender=database.gender,
        age_low=database.age_low,
        age_high=database.age_high,
        columns=columns,
    )
    chosen = np.arange(count) if part == "all" else rows_of_part(parts, owner, part, flag)
    rows, notes = _with_label(labels, chosen)
    margins = np.repeat([part.margin for part in parts], [*map(len, parts)])[rows]
    labels = select(labels, rows)
    faces = DatabaseFaces(labels, database, parts, rows, margins, notes, fit_margin, part, owner)
    if owner:
        new = [name for name, use in faces.uses(owner).items() if use == NEVER_SEEN]
        notes += [f"{name} was never trained on: all of its faces are used" for name in new]
    return faces


def from_csv(path: Path, detect: bool) -> PictureFaces:
    """The pictures that a CSV file labels, see `datasets.labels_csv`, relative to its folder."""
    table = read_dataset("csv", path.parent, labels=path).table
    labels = Labels(
        names=table["path"].tolist(),
        gender=table["gender"].to_numpy(),
        age_low=table["age_low"].to_numpy(),
        age_high=table["age_high"].to_numpy(),
        columns={"group": table["group"].to_numpy(str)} if table["group"].any() else {},
    )
    rows, notes = _with_label(labels, np.arange(len(labels)))
    labels = select(labels, rows)
    return PictureFaces(labels, [path.parent / name for name in labels.names], notes, detect)


def _with_label(labels: Labels, rows: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """The rows that have a label, and a note on the number of rows that have none."""
    known = rows[~(np.isnan(labels.gender) & np.isnan(labels.age_low))[rows]]
    without = len(rows) - len(known)
    if not len(known):
        raise UserError(f"expected faces with a known age or gender, none of {without:,} has one")
    note = f"{without:,} of {len(rows):,} faces have neither age nor gender and are left out"
    return known, [note] if without else []


def select(labels: Labels, rows: np.ndarray) -> Labels:
    """The labels of `rows`, int64 (n,)."""
    return replace(
        labels,
        names=[labels.names[row] for row in rows],
        gender=labels.gender[rows],
        age_low=labels.age_low[rows],
        age_high=labels.age_high[rows],
        age_std=None if labels.age_std is None else labels.age_std[rows],
        columns={name: values[rows] for name, values in labels.columns.items()},
    )
