"""Several databases as one."""

from collections import Counter

import numpy as np

from ..errors import UserError
from ..outputs import is_same
from .database import Database


class JoinedFaces:
    """The images of several databases, concatenated: `faces[rows]`, as in one database."""

    def __init__(self, parts: list[Database]):
        self._parts = parts
        self._starts = np.cumsum([0, *map(len, parts)])
        self.shape = (int(self._starts[-1]), *parts[0].image.shape[1:])
        self.dtype = parts[0].image.dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        rows = np.asarray(rows)
        faces = np.empty((len(rows), *self.shape[1:]), self.dtype)
        source = np.searchsorted(self._starts, rows, side="right") - 1
        for number in np.unique(source):
            here = source == number
            faces[here] = self._parts[number].image[rows[here] - self._starts[number]]
        return faces


def join(parts: list[Database]) -> Database:
    """One database with the rows of all `parts`, in their order.

    Its margin is the most frequent margin of the rows. Raises `UserError` if image sizes or
    alignments differ, or a file is passed twice.
    """
    if len(parts) == 1:
        return parts[0]
    first, rows = parts[0], Counter()
    for number, part in enumerate(parts):
        if any(is_same(part.path, other.path) for other in parts[:number]):
            raise UserError(f"--input: expected each database once, received {part.path} twice")
        for what in ("size", "alignment"):
            expected, value = getattr(first.crop, what), getattr(part.crop, what)
            if value != expected:
                raise UserError(
                    f"--input: expected databases of one {what}, received {expected} in "
                    f"{first.path} and {value} in {part.path}; make one of them again"
                )
        rows[part.crop] += len(part)

    def joined(field: str) -> np.ndarray:
        return np.concatenate([getattr(part, field) for part in parts])

    persons = joined("persons")  # equal names are one person
    all_identified = all(part.identity is not None for part in parts)
    all_named = all(part.names for part in parts)
    return Database(
        path=first.path,
        image=JoinedFaces(parts),
        gender=joined("gender"),
        age_low=joined("age_low"),
        age_high=joined("age_high"),
        names=joined("names").tolist() if all_named else [],
        db="+".join(part.db for part in parts),
        crop=rows.most_common(1)[0][0],
        group=[group for part in parts for group in part.group or [""] * len(part)],
        person=persons if any(persons) else None,
        identity=joined("identity") if all_identified else None,
    )
