"""The training database: one .mat file of faces and their labels.

Fields as in the original toolkit: `image` uint8 (N, S, S, 3) BGR, `gender`, `age`, `db`,
`img_size`, `min_score`; and `age_low`, `age_high`, `group`, `person`, `path`, `identity`, `margin`,
`alignment`, `version`. The format is MATLAB 7.3, HDF5 with a MATLAB header; version "5" is the
classic format, which the original toolkit reads.
"""

import sys
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import h5py
import numpy as np

from ..errors import UserError
from ..faces import DEFAULT_MARGINS, NO_ALIGNMENT
from ..faces.crop import FaceCrop
from ..files import check_input_file, wrap_read_errors
from ..labels import MAX_AGE
from ..outputs import is_same
from . import matlab
from .identities import BYTES, PIXELS, file_identity

COLUMNS = ("gender", "age", "age_low", "age_high")  # float64 (N,), NaN where unknown
TEXTS = ("path", "group", "person")  # str (N,)
_ROWS_AT_ONCE = 4096
_ORIGINAL_UTKFACE = "utk"  # `db` of the original toolkit's script, which stores 0 = male


@dataclass(frozen=True)
class Database:
    """A training database, opened for reading.

    image: uint8 (N, S, S, 3), BGR: a memory-mapped array, or `JoinedFaces`; indexing with
        row numbers, (n,), returns these faces.
    gender, age_low, age_high: float64 (N,), NaN where unknown.
    names: the images' paths in their dataset; empty if not stored.
    crop: of the faces; its margin is None if not stored.
    group: the dataset's group labels, for audits only, "" where unknown; empty if not stored.
    person: str (N,), equal for all images of one person, "" where unknown; None if not stored.
    identity: uint64 (N,), of the source files, see `identities`; None if not stored.
    """

    path: Path
    image: np.ndarray
    gender: np.ndarray
    age_low: np.ndarray
    age_high: np.ndarray
    names: list[str]
    db: str
    crop: FaceCrop
    group: list[str] = field(default_factory=list)
    person: np.ndarray | None = None
    identity: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.gender)

    @property
    def persons(self) -> np.ndarray:
        """The person of each image, str (N,), "" where unknown."""
        return np.full(len(self), "") if self.person is None else self.person

    @property
    def identities(self) -> np.ndarray:
        """A hash per row, uint64 (N,), of the kind `identity_kind`."""
        return self.pixel_hashes if self.identity is None else self.identity

    @property
    def identity_kind(self) -> str:
        """What `identities` are hashes of: `BYTES` of source files, if stored, or the `PIXELS` of
        this crop. Hashes of different kinds cannot be compared."""
        if self.identity is not None:
            return BYTES
        return f"{PIXELS} {self.crop.size} {self.crop.alignment} {self.crop.margin}"

    @cached_property
    def pixel_hashes(self) -> np.ndarray:
        """A hash of the pixels per image, uint64 (N,)."""
        parts = np.array_split(np.arange(len(self)), len(self) // _ROWS_AT_ONCE + 1)
        hashes = [file_identity(face.tobytes()) for rows in parts for face in self.image[rows]]
        return np.array(hashes, np.uint64)


def open_database(path: Path) -> Database:
    """Open a database of either version, or one of the original toolkit.

    Genders of the original toolkit's UTKFace script are converted, with a notice on stderr.
    Raises `UserError` if the file is missing, is not a database, has no faces, or has inconsistent
    fields.
    """
    check_input_file(path, "a database (create_db.py makes one)")
    with wrap_read_errors(path, "a database of create_db.py"):
        fields = _read_fields(path)
        shape, dtype = fields["image"].shape, fields["image"].dtype
        if shape[1:] != (shape[1], shape[1], 3) or not all(shape) or dtype != np.uint8:
            raise ValueError(f"expected faces, uint8 (N, S, S, 3), received {dtype} {shape}")
        fields = {"age_low": fields["age"], "age_high": fields["age"]} | fields
        gender = _labels(fields, "gender", 1)
        db = _single(fields, "db")
        if str(db).strip().lower() == _ORIGINAL_UTKFACE and "version" not in fields:
            gender = 1 - gender
            script = "the original toolkit's UTKFace script, in which gender 0 is male"
            print(f"{path}: made by {script}; converted to 0 female, 1 male", file=sys.stderr)
        names, group, person = (_texts(fields, name) for name in TEXTS)
        return Database(
            path=path,
            image=np.ascontiguousarray(fields["image"]),  # in files of version 5, N varies fastest
            gender=gender,
            age_low=_labels(fields, "age_low", MAX_AGE),
            age_high=_labels(fields, "age_high", MAX_AGE),
            names=names,
            db=db,
            crop=_crop(fields),
            group=group,
            person=np.array(person) if any(person) else None,
            identity=_column(fields, "identity", np.uint64) if "identity" in fields else None,
        )


class JoinedFaces:
    """The images of several databases, concatenated: `faces[rows]`, as in one database."""

    def __init__(self, parts: list[Database]):
        self._parts = parts
        self._starts = np.cumsum([0, *map(len, parts)])
        self.shape = (int(self._starts[-1]), *parts[0].image.shape[1:])
        self.dtype = parts[0].image.dtype

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


def _read_fields(path: Path) -> dict:
    """All fields: faces, arrays, and lists of texts."""
    import scipy.io

    if not h5py.is_hdf5(path):
        fields = scipy.io.loadmat(path)
        return {name: value for name, value in fields.items() if not name.startswith("__")}
    fields = {}
    with h5py.File(path) as file:
        for name, data in file.items():
            if isinstance(data, h5py.Group):
                continue
            offset = data.id.get_offset() if data.chunks is None else None
            if name == "image" and offset is not None and data.size:
                # The system reads ahead until it notices that rows are read in random order.
                faces = np.memmap(path, data.dtype, "r", offset, data.shape)
                fields[name] = np.asarray(faces)
            else:  # including the chunks of version 0.2
                is_char = matlab.is_char(data)
                fields[name] = matlab.matrix_texts(data[()]) if is_char else data[()]
    return fields


def _column(fields: dict, name: str, dtype: type) -> np.ndarray:
    """A field with one value per image, (N,)."""
    casting = "unsafe" if dtype is np.str_ else "same_kind"
    values = np.ravel(fields[name]).astype(dtype, casting=casting)
    if len(values) != len(fields["image"]):
        raise ValueError(f"{name!r} has {len(values)} values for {len(fields['image'])} images")
    return values


def _labels(fields: dict, name: str, largest: int) -> np.ndarray:
    """Whole numbers up to `largest`, float64 (N,), NaN where unknown."""
    values = _column(fields, name, np.float64)
    values = np.where(values == -1, np.nan, values)  # the original's unknown
    wrong = ~np.isnan(values) & ~np.isin(values, range(largest + 1))
    if wrong.any():
        row = int(wrong.argmax())
        raise ValueError(f"{name!r} is {values[row]:g} in row {row}, not a whole 0..{largest}")
    return values


def _texts(fields: dict, name: str) -> list[str]:
    """Texts (N,); [] if the file stores none."""
    if not np.size(fields.get(name, ())):
        return []
    return [text.rstrip(" ") for text in _column(fields, name, np.str_).tolist()]


def _single(fields: dict, name: str, default: str | float = "") -> str | float:
    """A field with one value."""
    value = fields.get(name, ())
    return np.ravel(value)[0].item() if np.size(value) else default


def _crop(fields: dict) -> FaceCrop:
    margin = float(_single(fields, "margin", np.nan))
    # Version 0.1 stored `align`, and aligned faces without a margin.
    alignment = _single(fields, "alignment") or _single(fields, "align") or NO_ALIGNMENT
    if alignment not in DEFAULT_MARGINS:
        raise ValueError(f"unknown alignment {alignment!r}")
    if "align" in fields and alignment != NO_ALIGNMENT:
        margin = 0.0
    return FaceCrop(fields["image"].shape[1], None if np.isnan(margin) else margin, alignment)
