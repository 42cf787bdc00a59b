"""Faces that a model has seen in training."""

from functools import cache
from pathlib import Path

import numpy as np

from ..data.database import Database
from ..data.identities import BYTES, PARTS, file_identity
from ..data.split import FILE, PERSON, hashed, read_split
from ..errors import UserError
from .description import Description

TRAINING, VALIDATION, TEST = PARTS
NEVER_SEEN, HELD_OUT, TRAINED_ON, UNKNOWN = "never seen", "held out", "trained on", "unknown"
_UNNAMED = ("", "csv")  # `db` of databases that are not a named dataset
_BY_PERSON = ("imdb", "wiki")  # split by person in version 0.2, if their databases had persons


def seen_in(databases: list[Database], description: Description | None) -> np.ndarray:
    """What a model has seen of joined databases, str (N,).

    Per row the part of the model's run with this face, or `NEVER_SEEN` or `UNKNOWN`; or
    `TRAINED_ON` if the run had the dataset, not this file, and the split does not decide.
    description: None for files without one, of which all is unknown.
    """
    if description is None:
        return np.full(sum(map(len, databases)), UNKNOWN)
    seen = [
        _by_identity(database.identity_kind, database.identities, database.db, description)
        for database in databases
    ]
    keys = [_hashed_by(database, description) for database in databases]
    decided = [index for index, key in enumerate(keys) if key]
    if any((seen[index] == TRAINED_ON).any() for index in decided):
        own = [databases[index] for index in decided]
        parts = read_split(description.split).parts(own, [keys[index] for index in decided])
        for index, part in zip(decided, _by_database(own, parts), strict=True):
            seen[index] = np.where(seen[index] == TRAINED_ON, part, seen[index])
    return np.concatenate(seen)


def seen_in_files(paths: list[Path], dataset: str, description: Description) -> np.ndarray:
    """What a model has seen of images, str (N,), see `seen_in`.

    dataset: of the images, as in `Database.db`, or another name; "" if unknown.
    """
    known = description.identities and BYTES in description.identities.lists
    identities = np.array([_identity(path) if known else 0 for path in paths], np.uint64)
    seen = _by_identity(BYTES, identities, dataset, description)
    own = _trained_with(dataset, description)
    if own and own.get("hashed_by", PERSON if dataset in _BY_PERSON else FILE) == FILE:
        parts = read_split(description.split).parts_of(np.array([hashed(p.name) for p in paths]))
        seen = np.where(seen == TRAINED_ON, parts, seen)
    return seen


def use_of(seen: np.ndarray) -> str:
    """Use of a dataset in a model's training, from what the model has seen of it, str (N,)."""
    if np.isin(seen, (TRAINING, TRAINED_ON)).any():
        return TRAINED_ON
    if np.isin(seen, (VALIDATION, TEST)).any():
        return HELD_OUT
    return UNKNOWN if (seen == UNKNOWN).any() else NEVER_SEEN


def rows_of_part(
    databases: list[Database], description: Description, part: str, flag: str = "--part"
) -> np.ndarray:
    """Rows, int64, of joined databases: `part` of the model's run, and all faces never seen.

    Raises `UserError`, naming `flag`, if a database has no such faces, or they are unknown.
    """
    seen = seen_in(databases, description)
    for database, own in zip(databases, _by_database(databases, seen), strict=True):
        if not np.isin(own, (part, NEVER_SEEN)).any() and np.isin(own, (UNKNOWN, TRAINED_ON)).any():
            raise UserError(
                f"{flag}: which faces of {database.path} the model was trained on is unknown, as "
                "its file or the database lacks their identities; make the older of both again"
                + ("; or pass --part all" if flag == "--part" else "")
            )
    rows = np.flatnonzero((seen == part) | ((seen == NEVER_SEEN) & (part != TRAINING)))
    if not len(rows):
        split = read_split(description.split)
        flags = f": the model was trained with {split.flags()}" if split else ""
        raise UserError(f"{flag}: expected {part} faces, received none{flags}")
    return rows


def _by_database(databases: list[Database], values: np.ndarray) -> list[np.ndarray]:
    """Values of the rows of joined databases, per database."""
    return np.split(values, np.cumsum([len(database) for database in databases])[:-1])


def _by_identity(
    kind: str, identities: np.ndarray, dataset: str, description: Description
) -> np.ndarray:
    """The parts of faces with these identities, uint64 (N,); of all others in a dataset,
    `TRAINED_ON`, `NEVER_SEEN` or `UNKNOWN`."""
    data = description.data
    if dataset not in _UNNAMED and dataset in {part.get("db") for part in data}:
        other = TRAINED_ON  # datasets circulate re-encoded
    else:
        is_listed = data and all(part.get("identity") == kind for part in data)
        other = NEVER_SEEN if is_listed and description.identities else UNKNOWN
    if description.identities is None:
        return np.full(len(identities), other, "U16")
    parts = description.identities.parts_of(kind, identities)
    return np.where(parts == "", other, parts)


def _hashed_by(database: Database, description: Description) -> str | None:
    """What the model's split hashes of a dataset, None if it does not decide on this database."""
    own = _trained_with(database.db, description)
    key = own.get("hashed_by", FILE) if own else None  # version 0.2 did not store it
    is_known = database.person is not None if key == PERSON else database.names
    return key if is_known and all(database.names) else None


def _trained_with(dataset: str, description: Description) -> dict | None:
    """The entry in `Description.data` of a named dataset that the model's hash split divided."""
    split = read_split(description.split)
    own = [p for p in description.data if p.get("db") == dataset and not p.get("initial")]
    is_hash = split is not None and split.method == "hash"
    return own[0] if is_hash and own and dataset not in _UNNAMED else None


@cache  # read once for all models
def _identity(path: Path) -> int:
    """Identity of a file; 0 if it is missing, which is reported when the image is read."""
    return file_identity(path.read_bytes()) if path.is_file() else 0
