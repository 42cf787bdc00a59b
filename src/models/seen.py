"""Faces that a model has seen in training."""

from functools import cache
from pathlib import Path

import numpy as np

from ..data.database import Database
from ..data.identities import BYTES, PARTS, Identities, file_identity
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
    found = []
    for database in databases:
        kind, key = database.identity_kind, _hashed_by(database.db, description)
        seen = _by_identity(kind, database.identities, database.db, description)
        is_known = database.person is not None if key == PERSON else database.names
        if key and is_known and all(database.names) and (seen == TRAINED_ON).any():
            parts = read_split(description.split).parts([database], [key])
            seen = np.where(seen == TRAINED_ON, parts, seen)
        found.append(seen)
    return np.concatenate(found)


def seen_in_files(paths: list[Path], dataset: str, description: Description) -> np.ndarray:
    """What a model has seen of images, str (N,), see `seen_in`.

    dataset: of the images, as in `Database.db`, or another name; "" if unknown.
    """
    known = description.identities and BYTES in description.identities.lists
    identities = np.array([_identity(path) if known else 0 for path in paths], np.uint64)
    seen = _by_identity(BYTES, identities, dataset, description)
    if _hashed_by(dataset, description) == FILE:
        positions = np.array([hashed(path.name) for path in paths])
        parts = read_split(description.split).parts_of(positions)
        seen = np.where(seen == TRAINED_ON, parts, seen)
    return seen


def _by_identity(
    kind: str, identities: np.ndarray, dataset: str, description: Description
) -> np.ndarray:
    """The parts of faces with these identities, uint64 (N,); of all others in a dataset,
    `TRAINED_ON`, `NEVER_SEEN` or `UNKNOWN`."""
    data, lists = description.data, description.identities or Identities({})
    if dataset not in _UNNAMED and dataset in {part.get("db") for part in data}:
        other = TRAINED_ON  # datasets circulate re-encoded
    else:
        is_listed = data and all(part.get("identity") == kind for part in data)
        other = NEVER_SEEN if is_listed and description.identities else UNKNOWN
    parts = lists.parts_of(kind, identities)
    return np.where(parts == "", other, parts)


def _hashed_by(dataset: str, description: Description) -> str | None:
    """What the model's split hashed of a named dataset; None if it does not divide it by a hash."""
    split = read_split(description.split)
    own = [p for p in description.data if p.get("db") == dataset and not p.get("initial")]
    if not own or dataset in _UNNAMED or split is None or split.method != "hash":
        return None
    return own[0].get("hashed_by", PERSON if dataset in _BY_PERSON else FILE)


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
    seen = [seen_in([database], description) for database in databases]
    for database, own in zip(databases, seen, strict=True):
        if not np.isin(own, (part, NEVER_SEEN)).any() and np.isin(own, (UNKNOWN, TRAINED_ON)).any():
            raise UserError(
                f"{flag}: which faces of {database.path} the model was trained on is unknown, as "
                "its file or the database lacks their identities; make the older of both again"
                + ("; or pass --part all" if flag == "--part" else "")
            )
    wanted = (part,) if part == TRAINING else (part, NEVER_SEEN)
    rows = np.flatnonzero(np.isin(np.concatenate(seen), wanted))
    if not len(rows):
        split = read_split(description.split)
        flags = f": the model was trained with {split.flags()}" if split else ""
        raise UserError(f"{flag}: expected {part} faces, received none{flags}")
    return rows


@cache  # read once for all models
def _identity(path: Path) -> int:
    """Identity of a file; 0 if it is missing, which is reported when the image is read."""
    return file_identity(path.read_bytes()) if path.is_file() else 0
