"""Identities of faces, and lists of them per part of a training run."""

import base64
import hashlib
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

BYTES, PIXELS = "bytes", "pixels"  # kinds: hashes of source files, of the pixels of crops
PARTS = ("training", "validation", "test")


def file_identity(content: bytes) -> int:
    """Identity of a source file: BLAKE2b of its bytes, 8 bytes as a little-endian integer."""
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "little")


@dataclass(frozen=True, eq=False)
class Identities:
    """The faces of a training run.

    lists: by kind and part, uint64 (n,), sorted, without repetitions. A face is in one part.
    """

    lists: dict[str, dict[str, np.ndarray]]

    @classmethod
    def of(cls, faces: Iterable[tuple[str, str, np.ndarray]]) -> "Identities":
        """The lists of faces given as kind, part and identities, uint64 (n,).

        A face in several parts belongs to the first of `PARTS`.
        """
        faces, lists = list(faces), {}
        none = np.empty(0, np.uint64)
        for kind in sorted({kind for kind, *_ in faces}):
            lists[kind] = {}
            for part in PARTS:
                earlier = np.concatenate([none, *lists[kind].values()])
                own = [ids for *of, ids in faces if of == [kind, part]]
                lists[kind][part] = np.setdiff1d(np.concatenate([none, *own]), earlier)
        return cls(lists)

    def items(self) -> list[tuple[str, str, np.ndarray]]:
        """Kind, part and identities of every list, as `of` takes them."""
        return [(kind, part, ids) for kind, of in self.lists.items() for part, ids in of.items()]

    def parts_of(self, kind: str, identities: np.ndarray) -> np.ndarray:
        """The part of each face, str (N,), "" where no list has it.

        Args:
            kind: see `Database.identity_kind`.
            identities: uint64 (N,).
        """
        parts = np.full(len(identities), "", "U16")
        for part, known in self.lists.get(kind, {}).items():
            parts[np.isin(identities, known)] = part
        return parts

    def as_json(self) -> dict[str, dict[str, str]]:
        """The lists as text: their differences, compressed, in base64."""
        as_text: dict[str, dict[str, str]] = {}
        for kind, part, ids in self.items():
            steps = np.diff(ids, prepend=np.uint64(0)).astype("<u8").view(np.uint8).reshape(-1, 8)
            content = zlib.compress(np.ascontiguousarray(steps.T).tobytes(), 9)
            as_text.setdefault(kind, {})[part] = base64.b64encode(content).decode()
        return as_text

    @classmethod
    def from_json(cls, values: dict[str, dict[str, str]]) -> "Identities":
        """The lists that `as_json` made text of."""

        def read(text: str) -> np.ndarray:
            steps = np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8).reshape(8, -1)
            return np.cumsum(np.ascontiguousarray(steps.T).view("<u8").ravel(), dtype=np.uint64)

        return cls(
            {kind: {part: read(text) for part, text in of.items()} for kind, of in values.items()}
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Identities) and self.as_json() == other.as_json()
