"""Training, validation and test rows of databases."""

import hashlib
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from ..errors import UserError
from .database import Database
from .identities import PARTS, Identities

PERSON, FILE, PATH = "person", "file", "path"


@dataclass(frozen=True)
class Split:
    """The division of rows of some databases into parts.

    Every row has a position in [0, 1): rows below `validation_split` are validation, further rows
    below `validation_split + test_split` are test, all other rows are training. Identical images,
    and all images of a person, share the lowest of their positions.

    method: "hash": the position is the SHA-256 of a name, see `hashed_by`; "random": it is drawn
        with `seed` by row, for a person by the first image.
    validation_split, test_split: shares, 0..1.
    folds, fold: if not 0, the test set is one of `folds` intervals of the positions, `fold` from 0,
        and the validation set is a share of all others.
    """

    method: str
    validation_split: float
    test_split: float
    seed: int
    folds: int = 0
    fold: int = 0

    def parts_of(self, positions: np.ndarray) -> np.ndarray:
        """The part, str (N,), of positions, float64 (N,)."""
        if self.folds:
            fold, within = np.divmod(positions * self.folds, 1)
            number = np.where(fold == self.fold, 2, within < self.validation_split)
        else:
            held_out = round(self.validation_split + self.test_split, 12)
            number = np.where(positions < self.validation_split, 1, 2 * (positions < held_out))
        return np.array(PARTS)[number]

    def parts(self, databases: list[Database], keys: list[str | None]) -> np.ndarray:
        """The part of each row of joined databases, str (N,); keys: `hashed_by` of each in the run.

        "random" needs all databases of the run, in their order.
        """
        return self.parts_of(_positions(self, databases, keys))

    def flags(self) -> str:
        """The split as flags of train.py."""
        shares = f"--validation_split {self.validation_split:g} --test_split {self.test_split:g}"
        folds = f" --folds {self.folds} --fold {self.fold}" if self.folds else ""
        return f"--split_by {self.method} --seed {self.seed} {shares}{folds}"


def read_split(values: dict | None) -> Split | None:
    """The split in a checkpoint's description; None if it has none."""
    # Version 0.2 stored fingerprints of the databases, too.
    fields = Split.__dataclass_fields__
    return None if values is None else Split(**{k: v for k, v in values.items() if k in fields})


def divide(
    databases: list[Database],
    method: str | None,
    validation_split: float,
    test_split: float,
    seed: int,
    folds: int | None = None,
    fold: int | None = None,
) -> tuple[Split, dict[str, np.ndarray]]:
    """The split of databases.

    Args:
        databases: in the order of their joined rows.
        method: None for "hash" if all databases store file names, else "random".
        validation_split, test_split, seed, folds, fold: see `Split`.

    Returns:
        The split, and the rows, int64, of each of `PARTS` in the joined database.

    Raises:
        UserError: the training set, or a part with a share above 0, would be empty.
    """
    unnamed = [database for database in databases if not _is_named(database)]
    if method is None:
        method = "random" if unnamed else "hash"
    if method == "hash" and unnamed:
        raise UserError(
            f"--split_by hash: expected databases that store file names, {unnamed[0].path} has "
            "none; make it again with create_db.py, or pass --split_by random"
        )
    split = Split(method, validation_split, test_split, seed, folds or 0, fold or 0)
    parts = split.parts(databases, [hashed_by(database, method) for database in databases])
    rows = {part: np.flatnonzero(parts == part) for part in PARTS}
    needed = PARTS if test_split or folds else PARTS[:2]
    empty = " and ".join(part for part in needed if not len(rows[part]))
    if empty:
        raise UserError(
            f"--validation_split: expected at least one row per part, received "
            f"{validation_split:g} and --test_split {test_split:g} of {len(parts)} rows, which "
            f"leave none for {empty}; change the shares, or pass --split_by random"
        )
    return split, rows


def description_of(databases: list[Database], split: Split, rows: dict[str, np.ndarray]) -> dict:
    """The fields `data`, `split` and `identities` of a description, see `models.description`.

    rows: of the joined database, int64, by part.
    """
    data = [
        {
            "db": database.db,
            "file": database.path.name,
            "rows": len(database),
            "margin": database.crop.margin,
            "identity": database.identity_kind,
            "hashed_by": hashed_by(database, split.method),
        }
        for database in databases
    ]
    kinds = np.repeat([part["identity"] for part in data], [*map(len, databases)])
    identities = np.concatenate([database.identities for database in databases])
    faces = [
        (kind, part, identities[own[kinds[own] == kind]])
        for kind in np.unique(kinds).tolist()
        for part, own in rows.items()
    ]
    return {"data": data, "split": asdict(split), "identities": Identities.of(faces)}


def hashed_by(database: Database, method: str = "hash") -> str | None:
    """What a hash split hashes: "person", "file" or "path"; None for another method.

    A person's name if the person of any image is known; for further images, and without persons,
    the file name, or the path if file names repeat, as in folders per person.
    """
    if method != "hash" or not _is_named(database):
        return None
    return PERSON if any(database.persons) else _name_key(database.names)


def hashed(name: str) -> float:
    """Position in [0, 1) of a file name, the last part of a path: 32 bits of its SHA-256."""
    return _position(name.rpartition("/")[2])


def related(databases: list[Database]) -> np.ndarray:
    """A number per row of joined databases, int (N,), the same for rows that show one person or
    are identical images, also through further rows."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    pixels = np.concatenate([database.pixel_hashes for database in databases])
    files = np.concatenate([database.identities for database in databases])
    size = count = len(pixels)
    nodes = []  # of a graph whose first nodes are the rows
    for key in (pixels, files, _persons(databases)):
        numbers = np.unique(key, return_inverse=True)[1]
        nodes.append(size + numbers)
        size += numbers.max(initial=-1) + 1
    links = np.tile(np.arange(count), len(nodes)), np.concatenate(nodes)
    graph = coo_array((np.ones(len(links[0]), bool), links), (size, size))
    return connected_components(graph, directed=False)[1][:count]


def database_names(databases: list[Database]) -> list[str]:
    """A name per database; equal names are numbered."""
    names = [database.db or database.path.stem for database in databases]
    if len(set(names)) < len(names):
        return [f"{name}{number}" for number, name in enumerate(names, 1)]
    return names


def rows_by_database(databases: list[Database], rows: np.ndarray) -> dict[str, np.ndarray]:
    """`rows` of joined databases by database name."""
    source = np.repeat(np.arange(len(databases)), [*map(len, databases)])[rows]
    return {name: rows[source == n] for n, name in enumerate(database_names(databases))}


def _positions(split: Split, databases: list[Database], keys: list[str | None]) -> np.ndarray:
    """Positions in [0, 1), float64 (N,)."""
    if split.method == "hash":
        pairs = zip(databases, keys, strict=True)
        positions = np.concatenate([_hashes(database, key) for database, key in pairs])
    else:
        count = sum(map(len, databases))
        order = np.random.default_rng(split.seed).permutation(count)
        drawn = np.empty(count)
        drawn[order[::-1]] = np.arange(count) / max(count, 1)
        positions = pd.Series(drawn).groupby(_persons(databases)).transform("first")
    return pd.Series(positions).groupby(related(databases)).transform("min").to_numpy()


def _hashes(database: Database, key: str | None) -> np.ndarray:
    """The hash of each row, in [0, 1), float64 (N,)."""
    key = _name_key(database.names) if key == PERSON else key
    pairs = zip(database.persons.tolist(), database.names, strict=True)
    return np.array(
        [_position(p or name) if p or key == PATH else hashed(name) for p, name in pairs]
    )


def _name_key(paths: list[str]) -> str:
    different = set(paths)  # several faces of an image have one path
    return FILE if len({path.rpartition("/")[2] for path in different}) == len(different) else PATH


def _persons(databases: list[Database]) -> np.ndarray:
    """The person of each row, str (N,), a text of its own where unknown."""
    persons = np.concatenate([database.persons for database in databases]).tolist()
    return np.array([person or f"\n{row}" for row, person in enumerate(persons)])


def _is_named(database: Database) -> bool:
    return bool(database.names) and all(database.names)


def _position(text: str) -> float:
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:4], "big") / 2**32
