"""Labelled faces of databases and images, cropped as each model expects them."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from ..data.database import Database, open_database
from ..data.datasets import labels_csv
from ..data.identities import file_identity
from ..data.joined import join
from ..data.split import database_names
from ..errors import UserError
from ..estimation.estimator import Estimator
from ..faces.finder import FaceFinder, Found
from ..faces.images import change_margin, resize
from ..models.description import Description
from ..models.seen import NEVER_SEEN, UNKNOWN, rows_of_part, seen_in, seen_in_files, use_of
from .results import Labels

BATCH = 4096  # faces read at a time
_OTHER_CROPS = "it sees other crops than it was trained on"
Faces = tuple[np.ndarray, list[str]]


@dataclass(frozen=True)
class DatabaseFaces:
    """The faces of `rows`, int64 (N,), of joined databases.

    margins: of their crops, float64 (N,), NaN where unknown.
    part: "training", "validation", "test" or "all".
    fit_margin: whether faces with a margin unknown to the model are cropped or padded.
    notes: warnings, one line each.  unit: plural noun for the rows.
    """

    labels: Labels
    database: Database
    parts: list[Database]
    rows: np.ndarray
    margins: np.ndarray
    notes: list[str]
    fit_margin: bool = False
    part: str = "all"
    unit: str = "faces"

    def read(self, rows: np.ndarray, estimator: Estimator) -> Faces:
        """Faces of `rows`, int64 (n,), as the model expects them, uint8 (m, S, S, 3), m <= n, BGR,
        and per row the reason of a missing face, or ""."""
        faces, size = self.database.image[self.rows[rows]], estimator.crop.size
        if self.fit_margin:
            _fit_margin(faces, self.margins[rows], estimator)
        if self.database.crop.size != size:
            faces = _stack([resize(face, size) for face in faces], size)
        return faces, [""] * len(rows)

    def batches(self, estimator: Estimator) -> Iterator[Faces]:
        """The results of `read` for all rows, in order, at most `BATCH` rows at a time."""
        for start in range(0, len(self.rows), BATCH):
            yield self.read(np.arange(start, min(start + BATCH, len(self.rows))), estimator)

    def check(self, estimator: Estimator) -> list[str]:
        """Differences between these faces and the model's, one line each.

        Raises `UserError` if metrics would be meaningless.
        """
        crop, expected = self.database.crop, estimator.crop
        if crop.alignment != expected.alignment:
            how = f"with --align {expected.alignment}" if expected.is_aligned else "without --align"
            raise UserError(
                f"--input: expected faces with the model's alignment, {expected.alignment}; those "
                f"of {self.parts[0].path} have {crop.alignment}: make it again {how}"
            )
        then = (
            "they are cropped or padded to it"
            if self.fit_margin
            else f"{_OTHER_CROPS} (--fit_margin crops or pads them)"
        )
        notes = [
            _margin_note(part.path.name, part.crop.margin, estimator) + then
            for part in self.parts
            if _is_other(part.crop.margin, estimator)
        ]
        if crop.size != expected.size:
            notes.append(f"faces are {crop.size} pixels wide, and resized to {expected.size}")
        return notes

    @property
    def source_rows(self) -> np.ndarray:
        """The row of each face in its database, int64 (N,)."""
        starts = np.cumsum([0, *map(len, self.parts)])
        return self.rows - starts[np.searchsorted(starts, self.rows, side="right") - 1]

    def identities(self) -> tuple[np.ndarray, np.ndarray]:
        """Identity, uint64 (N,), see `data.identities`, and dataset, str (N,), of each face."""
        values = np.concatenate([part.identities for part in self.parts])
        dbs = np.repeat([part.db for part in self.parts], [*map(len, self.parts)])
        return values[self.rows], dbs[self.rows]

    def uses(self, description: Description) -> dict[str, str]:
        """Use of each source in the model's training, see `models.seen.use_of`."""
        return _uses(self.labels, seen_in(self.parts, description)[self.rows])


@dataclass(frozen=True)
class ImageFaces:
    """One face of each of `paths`, the largest that `detector` finds; with "none" images are
    face crops, without alignment.

    margin: of these crops; None if unknown.
    collection: the dataset of the images, see `models.seen.seen_in_files`.
    detector, min_face: see `detectors.get_detector`.  scheduler: see `FaceFinder.find_all`.
    """

    labels: Labels
    paths: list[Path]
    notes: list[str]
    collection: str = ""
    margin: float | None = None
    detector: str = "none"
    min_face: int | None = None
    scheduler: str | None = None
    unit: str = "images"

    @property
    def source_rows(self) -> np.ndarray:
        """The row of each image among the labelled ones, int64 (N,)."""
        return np.arange(len(self.paths))

    def read(self, rows: np.ndarray, estimator: Estimator) -> Faces:
        found = self._finder(estimator).find_all([self.paths[row] for row in rows])
        return _largest(found, estimator.crop.size)

    def batches(self, estimator: Estimator) -> Iterator[Faces]:
        with closing(self._finder(estimator).find_all(self.paths, self.scheduler)) as found:
            for _ in range(0, len(self.paths), BATCH):
                yield _largest(islice(found, BATCH), estimator.crop.size)

    def check(self, estimator: Estimator) -> list[str]:
        notes, alignment = [], estimator.crop.alignment
        if _is_other(self.margin, estimator):
            notes.append(_margin_note("images", self.margin, estimator) + _OTHER_CROPS)
        if self.margin is not None and estimator.crop.is_aligned:
            notes.append(f"images are not aligned, the model expects {alignment}: {_OTHER_CROPS}")
        if UNKNOWN in self.uses(estimator.description).values():
            trained = sorted({part.get("db") or "" for part in estimator.description.data} - {""})
            of = f"; the model was trained on {', '.join(trained)}" if trained else ""
            notes.append(f"whether the images were used in training is unknown{of}")
        return notes

    def identities(self) -> tuple[np.ndarray, np.ndarray]:
        values = [file_identity(p.read_bytes()) if p.is_file() else 0 for p in self.paths]
        return np.array(values, np.uint64), np.full(len(values), self.collection or "csv")

    def uses(self, description: Description) -> dict[str, str]:
        return _uses(self.labels, seen_in_files(self.paths, self.collection, description))

    def _finder(self, estimator: Estimator) -> FaceFinder:
        return FaceFinder(self.detector, self.min_face, estimator.crop)


EvaluationSet = DatabaseFaces | ImageFaces


def _uses(labels: Labels, seen: np.ndarray) -> dict[str, str]:
    """Use of each source, from what the model has seen of the faces, str (N,)."""
    sources = labels.columns["source"]
    return {source: use_of(seen[sources == source]) for source in dict.fromkeys(sources.tolist())}


def _largest(images: Iterable[Found], size: int) -> Faces:
    """The largest face of each image, in the form of `EvaluationSet.read`."""
    faces, reasons = [], []
    for found in images:
        reasons.append(found.reason)
        if found.faces:
            faces.append(found.largest_crop)
    return _stack(faces, size), reasons


def _margin_note(name: str, margin: float, estimator: Estimator) -> str:
    expected = " or ".join(f"{known:g}" for known in estimator.description.margins)
    return f"{name} were cropped with a margin of {margin:g}, the model with {expected}: "


def _is_other(margin: float | None, estimator: Estimator) -> bool:
    """Whether a margin is known, and not among the model's training margins."""
    return margin is not None and not np.isclose(margin, estimator.description.margins).any()


def _fit_margin(faces: np.ndarray, margins: np.ndarray, estimator: Estimator) -> None:
    """Change faces (N, S, S, 3) with other `margins` than the model's to its margin, in place."""
    for margin in np.unique(margins[~np.isnan(margins)]):
        if _is_other(margin, estimator):
            for place in np.flatnonzero(margins == margin):
                faces[place] = change_margin(faces[place], margin, estimator.crop.margin)


def _stack(faces: list[np.ndarray], size: int) -> np.ndarray:
    return np.stack(faces) if faces else np.empty((0, size, size, 3), np.uint8)


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
    columns = {"source": np.repeat(database_names(parts), [*map(len, parts)])}
    if any(database.group):
        columns["group"] = np.array(database.group)
    labels = Labels(
        names=database.names or [f"row {row}" for row in range(count)],
        gender=database.gender,
        age_low=database.age_low,
        age_high=database.age_high,
        person=database.person,
        columns=columns,
    )
    chosen = np.arange(count) if part == "all" else rows_of_part(parts, owner, part, flag)
    rows, notes = _with_label(labels, chosen)
    margins = np.array([part.crop.margin for part in parts], float)
    margins = np.repeat(margins, [*map(len, parts)])[rows]
    labels = labels.of_faces(rows)
    faces = DatabaseFaces(labels, database, parts, rows, margins, notes, fit_margin, part)
    if owner:
        new = [name for name, use in faces.uses(owner).items() if use == NEVER_SEEN]
        notes += [f"{name} was never trained on: all of its faces are used" for name in new]
    return faces


def from_csv(
    path: Path,
    collection: str = "",
    detector: str = "none",
    min_face: int | None = None,
    scheduler: str | None = None,
) -> ImageFaces:
    """The images that a CSV file labels, see `datasets.labels_csv`; paths are absolute or relative
    to its folder.

    collection, detector, min_face, scheduler: see `ImageFaces`.
    """
    table = labels_csv.read(path.parent, path, anywhere=True).table
    columns = {"source": np.full(len(table), collection or path.stem)}
    if table["group"].any():
        columns["group"] = table["group"].to_numpy(str)
    labels = Labels(
        names=table["path"].tolist(),
        gender=table["gender"].to_numpy(),
        age_low=table["age_low"].to_numpy(),
        age_high=table["age_high"].to_numpy(),
        person=table["person"].to_numpy(str) if table["person"].any() else None,
        columns=columns,
    )
    rows, notes = _with_label(labels, np.arange(len(labels)))
    labels = labels.of_faces(rows)
    paths = [path.parent / name for name in labels.names]
    return ImageFaces(labels, paths, notes, collection, None, detector, min_face, scheduler)


def _with_label(labels: Labels, rows: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """The rows with a label, and a note on the number of rows without."""
    known = rows[~(np.isnan(labels.gender) & np.isnan(labels.age_low))[rows]]
    without = len(rows) - len(known)
    if not len(known):
        raise UserError(f"expected faces with a known age or gender, none of {without:,} has one")
    note = f"{without:,} of {len(rows):,} faces have neither age nor gender and are skipped"
    return known, [note] if without else []
