"""Training, validation and test rows of databases.

A checkpoint stores the `Split` of its run, which finds the same rows again or rejects a database.
"""

import hashlib
from dataclasses import asdict, dataclass, field, replace
from pathlib import PurePosixPath

import numpy as np

from ..errors import UserError
from .database import Database

METHODS = ("random", "hash")
PARTS = ("training", "validation", "test")


@dataclass(frozen=True)
class Split:
    """The division of rows of some databases into parts.

    Every row has a place in [0, 1): rows below `validation_split` are validation, further rows
    below `validation_split + test_split` are test, all other rows are training. Pictures with
    identical pixels, and all pictures of a person, share the lowest of their places.

    method: "hash": the place is the SHA-256 of the person's name, if stored, or of the file name;
        "random": the place is drawn with `seed` by position, for a person by the first picture.
    validation_split, test_split: shares, 0..1.
    databases: per database its `file`, and per part of `PARTS` the number of `rows` and a
        `fingerprint`: the sum modulo 2^64, as hexadecimal text, of a hash per row, of its file name
        or, without names, of its pixels.
    """

    method: str
    validation_split: float
    test_split: float
    seed: int
    databases: list[dict] = field(default_factory=list)

    def as_json(self) -> dict:
        return asdict(self)

    def part_of(self, places: np.ndarray) -> np.ndarray:
        """Index into `PARTS`, int64 (N,), of places, float64 (N,)."""
        held_out = round(self.validation_split + self.test_split, 12)
        return np.where(places < self.validation_split, 1, np.where(places < held_out, 2, 0))

    def places(self, databases: list[Database], flag: str = "--part") -> np.ndarray:
        """Places of the rows of joined databases, float64 (N,), as in the run of this split.

        Raises `UserError` naming `flag` unless all are databases of that run; some may be missing.
        """
        numbers = self._find(databases, flag)
        starts = np.cumsum([0, *(_total(entry)[0] for entry in self.databases)])
        rows = [np.arange(starts[number], starts[number + 1]) for number in numbers]
        places = _places(self, databases, np.concatenate(rows), starts[-1])
        entries = _entries(self, databases, places)
        for number, entry in zip(numbers, entries, strict=True):
            if any(entry[part] != self.databases[number][part] for part in PARTS):
                raise UserError(
                    f"{flag}: {entry['file']}: its faces cannot be assigned to a part without the "
                    "other databases of the run, as some pictures are in several; pass all of "
                    f"them: {self._files()}"
                )
        return places

    def rows(self, databases: list[Database], part: str, flag: str = "--part") -> np.ndarray:
        """Rows, int64, of a part of joined databases; see `places`.

        Raises `UserError` if the part is empty.
        """
        rows = np.flatnonzero(self.part_of(self.places(databases, flag)) == PARTS.index(part))
        if not len(rows):
            raise UserError(
                f"{flag}: expected {part} faces, received none: the model was trained with "
                f"--validation_split {self.validation_split:g} --test_split {self.test_split:g}"
            )
        return rows

    def check_start(self, start: "Split", flag: str) -> None:
        """Raise `UserError` if weights trained with the split `start` saw faces held out here."""
        fewer = (start.method, start.seed) != (self.method, self.seed) or round(
            start.validation_split + start.test_split, 12
        ) < round(self.validation_split + self.test_split, 12)
        trained = {_total(entry): entry["training"] for entry in start.databases}
        for entry in self.databases:
            seen = trained.get(_total(entry))
            if fewer and seen is not None and seen != entry["training"]:
                raise UserError(
                    f"{flag}: expected weights that never saw the held-out faces of "
                    f"{entry['file']}, received weights trained with {start._flags()}; pass "
                    f"these flags instead of {self._flags()}, or other weights"
                )

    def has(self, database: Database) -> bool:
        """Whether the rows of the database are those of a database of the run."""
        return _count(_keys(database)) in map(_total, self.databases)

    def _find(self, databases: list[Database], flag: str) -> list[int]:
        """Index of each database in the run."""
        left = dict(enumerate(map(_total, self.databases)))
        numbers = []
        for database in databases:
            rows = _count(_keys(database))
            found = [number for number, total in left.items() if total == rows]
            if not found:
                raise UserError(
                    f"{flag}: {database.path}: expected a database that the model was trained on, "
                    f"with the same rows, each once: {self._files()}"
                    + ("; or pass --part all" if flag == "--part" else "")
                )
            numbers.append(found[0])
            del left[found[0]]
        return numbers

    def _files(self) -> str:
        return ", ".join(f"{e['file']} of {_total(e)[0]:,} rows" for e in self.databases)

    def _flags(self) -> str:
        return (
            f"--split_by {self.method} --seed {self.seed} --validation_split "
            f"{self.validation_split:g} --test_split {self.test_split:g}"
        )


def read_split(values: dict | None) -> Split | None:
    """The split in a checkpoint's description; None if it has none.

    Raises `UserError` if the values are invalid.
    """
    if values is None:
        return None
    try:
        split = Split(**values)
        shares = float(split.validation_split), float(split.test_split)
        valid = split.method in METHODS and min(shares) >= 0 and sum(shares) < 1
        totals = [_total(entry) for entry in split.databases]
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise UserError(f"the split in the weight file is damaged: {error!r}") from error
    if not (valid and totals):
        raise UserError(f"the split in the weight file is damaged: {values!r:.200}")
    return split


def divide(
    databases: list[Database],
    method: str | None,
    validation_split: float,
    test_split: float,
    seed: int,
) -> tuple[Split, dict[str, np.ndarray]]:
    """The split of databases, and the rows, int64, of each of `PARTS` in the joined database.

    method: one of `METHODS`; None for "hash" if all databases store file names, else "random".
    Raises `UserError` if the training set, or a part with a share above 0, would be empty.
    """
    unnamed = [database for database in databases if not _is_named(database)]
    if method is None:
        method = "random" if unnamed else "hash"
    if method == "hash" and unnamed:
        raise UserError(
            f"--split_by hash: expected databases that store file names, {unnamed[0].path} has "
            "none; make it again with create_db.py, or pass --split_by random"
        )
    _check_different(databases)
    split = Split(method, validation_split, test_split, seed)
    count = sum(map(len, databases))
    places = _places(split, databases, np.arange(count), count)
    split = replace(split, databases=_entries(split, databases, places))
    parts = split.part_of(places)
    rows = {part: np.flatnonzero(parts == number) for number, part in enumerate(PARTS)}
    empty = [name for name in PARTS if not len(rows[name]) and (name != "test" or test_split)]
    if empty:
        raise UserError(
            f"--validation_split: expected at least one row per part, received "
            f"{validation_split:g} and --test_split {test_split:g} of {count} rows, which leave "
            f"none for {' and '.join(empty)}; change the shares, or pass --split_by random"
        )
    return split, rows


def hashed(name: str) -> float:
    """Place in [0, 1) of a file name, the last part of a path: 32 bits of its SHA-256."""
    return _place(_file_name(name))


def database_names(databases: list[Database]) -> list[str]:
    """A name per database; equal names are numbered."""
    names = [database.db or database.path.stem for database in databases]
    if len(set(names)) < len(names):
        return [f"{name}{number}" for number, name in enumerate(names, 1)]
    return names


def rows_by_database(databases: list[Database], rows: np.ndarray) -> dict[str, np.ndarray]:
    """`rows` of joined databases by database name."""
    starts = np.cumsum([0, *map(len, databases)])
    source = np.searchsorted(starts, rows, side="right") - 1
    return {name: rows[source == n] for n, name in enumerate(database_names(databases))}


def _check_different(databases: list[Database]) -> None:
    contents: dict[tuple[int, int], Database] = {}
    for database in databases:
        other = contents.setdefault(_count(database.pixel_hashes), database)
        if other is not database:
            raise UserError(
                f"--input: expected different databases, {database.path} has the pictures of "
                f"{other.path}; pass it once"
            )


def _places(
    split: Split, databases: list[Database], positions: np.ndarray, count: int
) -> np.ndarray:
    """Places, float64 (N,).

    positions: position of each row among the `count` rows of the whole run, int64 (N,).
    """
    names = [name for database in databases for name in database.names]
    persons = np.concatenate([database.persons for database in databases]).tolist()
    if split.method == "hash":
        places = np.array(
            [_place(person) if person else hashed(names[row]) for row, person in enumerate(persons)]
        )
    else:
        order = np.random.default_rng(split.seed).permutation(count)
        places = np.empty(count)
        places[order[::-1]] = np.arange(count) / max(count, 1)
        places = places[positions]
    hashes = np.concatenate([database.pixel_hashes for database in databases])
    identical = np.unique(hashes, return_inverse=True)[1]
    known = [person or f"\0{row}" for row, person in enumerate(persons)]
    _, first, same = np.unique(known, return_index=True, return_inverse=True)
    places, before = places[first][same], None
    while before is None or (places != before).any():
        before = places
        for group in (identical, same):
            lowest = np.ones(group.max(initial=-1) + 1)
            np.minimum.at(lowest, group, places)
            places = lowest[group]
    return places


def _entries(split: Split, databases: list[Database], places: np.ndarray) -> list[dict]:
    """`Split.databases` for rows with these places."""
    parts = np.split(split.part_of(places), np.cumsum([*map(len, databases)])[:-1])
    entries = []
    for database, numbers in zip(databases, parts, strict=True):
        entry: dict = {"file": database.path.name}
        keys = _keys(database)
        for number, part in enumerate(PARTS):
            rows, total = _count(keys[numbers == number])
            entry[part] = {"rows": rows, "fingerprint": f"{total:016x}"}
        entries.append(entry)
    return entries


def _count(keys: np.ndarray) -> tuple[int, int]:
    """Number and sum modulo 2^64 of row hashes, uint64 (N,)."""
    return len(keys), int(keys.sum(dtype=np.uint64))


def _total(entry: dict) -> tuple[int, int]:
    """Number and sum modulo 2^64 of the row hashes of a database's three parts."""
    parts = [entry[part] for part in PARTS]
    total = sum(int(part["fingerprint"], 16) for part in parts) % 2**64
    return sum(int(part["rows"]) for part in parts), total


def _keys(database: Database) -> np.ndarray:
    """A hash per row, uint64 (N,), of its file name or, without names, of its pixels."""
    if not _is_named(database):
        return database.pixel_hashes
    return np.fromiter(map(_sha256, map(_file_name, database.names)), np.uint64)


def _is_named(database: Database) -> bool:
    return bool(database.names) and all(database.names)


def _file_name(path: str) -> str:
    return PurePosixPath(path).name


def _place(text: str) -> float:
    return _sha256(text) // 2**32 / 2**32


def _sha256(text: str) -> int:
    """The first 64 bits."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big")
