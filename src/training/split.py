"""Which rows are trained on, and which are validated on."""

import hashlib
from pathlib import PurePosixPath

import numpy as np

from src.data.database import Database
from src.errors import UserError

WAYS = ("random", "hash")
_ROWS_AT_ONCE = 1024


def split(
    database: Database, validation_split: float, split_by: str, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Rows to train on and rows to validate on, int64, neither empty.

    split_by: "random" draws by `seed`; "hash" is `held_out`, so that a picture stays on its side
        whatever databases are joined.
    """
    count = len(database)
    if split_by == "hash":
        validated = held_out(database, validation_split)
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


def held_out(database: Database, share: float) -> np.ndarray:
    """Which rows are validated on, bool (N,): those whose file name's hash is below `share`.

    Pictures that are the same to the pixel are on one side, that of the least of their hashes.
    """
    hashes = np.array([hashed(name) for name in _names(database)])
    _, which = np.unique(_digests(database), return_inverse=True)
    least = np.ones(which.max(initial=-1) + 1)
    np.minimum.at(least, which, hashes)
    return least[which] < share


def _digests(database: Database) -> np.ndarray:
    """A number for each picture, uint64 (N,), that follows from its pixels."""
    digests = [
        hashlib.blake2b(face.tobytes(), digest_size=8).digest()
        for start in range(0, len(database), _ROWS_AT_ONCE)
        for face in database.image[np.arange(start, min(start + _ROWS_AT_ONCE, len(database)))]
    ]
    return np.frombuffer(b"".join(digests), np.uint64)


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
