"""Which rows are trained on, and which are validated on."""

import hashlib
from pathlib import PurePosixPath

import numpy as np

from src.data.database import Database
from src.errors import UserError

WAYS = ("random", "hash")


def split(
    database: Database, validation_split: float, split_by: str, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Rows to train on and rows to validate on, int64, neither empty.

    split_by: "random" draws by `seed`; "hash" goes by the picture's file name alone, so that a
        picture stays on its side whatever databases are joined.
    """
    count = len(database)
    if split_by == "hash":
        validated = np.array([hashed(name) for name in _names(database)]) < validation_split
        sides = np.flatnonzero(~validated), np.flatnonzero(validated)
    else:
        rows = np.random.default_rng(seed).permutation(count)
        training = int(count * (1 - validation_split) + 1e-9)  # 10 x (1 - 0.9) is below 1
        sides = tuple(np.split(rows, [training]))
    if not all(map(len, sides)):
        raise UserError(
            f"--validation_split: expected a share that leaves rows on both sides, received "
            f"{validation_split:g} of {count} rows, which leaves {len(sides[0])} to train on"
        )
    return sides


def hashed(name: str) -> float:
    """A number from 0 to 1 that follows from a path's last part: of its SHA-256, 32 bits."""
    digest = hashlib.sha256(PurePosixPath(name).name.encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32


def _names(database: Database) -> list[str]:
    if not database.names:
        raise UserError(
            f"--split_by hash: expected databases that say their pictures' names, {database.path} "
            "or one joined to it does not; make it again with create_db.py"
        )
    return database.names


def rows_by_part(parts: list[Database], rows: np.ndarray) -> dict[str, np.ndarray]:
    """`rows` of the joined databases, by the name of the one that they are from."""
    names = [part.db or part.path.stem for part in parts]
    if len(set(names)) < len(names):
        names = [f"{name}{number}" for number, name in enumerate(names, 1)]
    starts = np.cumsum([0, *map(len, parts)])
    source = np.searchsorted(starts, rows, side="right") - 1
    return {name: rows[source == number] for number, name in enumerate(names)}
