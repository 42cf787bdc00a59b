"""The training database: one .mat file of faces and their labels.

Fields as in the original toolkit: `image` uint8 (N, S, S, 3) BGR, `gender`, `age`, `db`,
`img_size`, `min_score`; and `age_low`, `age_high`, `group`, `person`, `path`, `identity`, `margin`,
`alignment`, `version`. The format is MATLAB 7.3, HDF5 with a MATLAB header, so that the file can
exceed 4 GiB. MATLAB reverses the dimensions of HDF5: it sees `image` as 3 x S x S x N. Version "5"
is the classic format, which `scipy.io.loadmat` and the original toolkit read.
"""

import hashlib
import math
import mmap
import sys
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Protocol

import h5py
import numpy as np

from ..errors import UserError
from ..faces import DEFAULT_MARGINS, NO_ALIGNMENT
from ..faces.crop import FaceCrop
from ..files import check_input_file
from ..labels import MAX_AGE
from . import matlab
from .identities import BYTES, PIXELS

COLUMNS = ("gender", "age", "age_low", "age_high")  # float64 (N,), NaN where unknown
TEXTS = ("path", "group", "person")  # str (N,)
_ROWS_AT_ONCE = 4096
_V5_LIMIT = 2**32  # bytes of one variable in scipy's files
_ORIGINAL_UTKFACE = "utk"  # `db` of the original toolkit's script, which stores 0 = male


def image_bytes(rows: int, img_size: int) -> int:
    """Size of the images of a database, nearly all of it, in bytes."""
    return rows * img_size * img_size * 3


def check_fits(version: str, rows: int, img_size: int) -> None:
    """Raise `UserError` if `rows` images exceed the capacity of the format."""
    needed = image_bytes(rows, img_size)
    if version == "5" and needed >= _V5_LIMIT:
        raise UserError(
            f"--mat_version 5: expected less than {_V5_LIMIT:,} bytes of images, {rows:,} "
            f"images of {img_size}x{img_size} take {needed:,}; use --mat_version 7.3 or a "
            "smaller --img_size"
        )


def plain_value(data: h5py.Dataset) -> np.ndarray | str:
    """A field in the original toolkit's form: rows of numbers, and texts."""
    values = data[()]
    if matlab.is_char(data) and data.ndim == 2:
        texts = matlab.matrix_texts(values)
        return texts[0] if len(texts) == 1 and data.name[1:] not in TEXTS else np.array(texts)
    return values if data.ndim == 4 else np.ravel(values)


class Faces(Protocol):
    """Interface of faces, uint8 (N, S, S, 3): an array, a mapped file, or joined databases."""

    shape: tuple[int, ...]
    dtype: np.dtype

    def __len__(self) -> int: ...
    def __getitem__(self, rows: np.ndarray) -> np.ndarray: ...


@dataclass(frozen=True)
class Database:
    """A training database, opened for reading.

    image: uint8 (N, S, S, 3), BGR; indexing with row numbers, (n,), returns these faces. For
        version 7.3 it is memory-mapped.
    gender, age_low, age_high: float64 (N,), NaN where unknown.
    names: the images' paths in their dataset; empty if the file stores none.
    crop: the crop of the faces; its margin is None if the file does not store it.
    group: the dataset's group labels, for audits only, "" where unknown; empty if the file stores
        none.
    person: str (N,), the same for all images of one person, "" where unknown; None if the file
        stores none.
    identity: uint64 (N,), of the source files, see `identities`; None if the file stores none.
    """

    path: Path
    image: Faces
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
        this crop; those of different kinds cannot be compared."""
        if self.identity is not None:
            return BYTES
        return f"{PIXELS} {self.crop.size} {self.crop.alignment} {self.crop.margin}"

    @cached_property
    def pixel_hashes(self) -> np.ndarray:
        """A hash of the pixels per image, uint64 (N,)."""
        hashes = bytearray()
        for start in range(0, len(self), _ROWS_AT_ONCE):
            for face in self.image[np.arange(start, min(start + _ROWS_AT_ONCE, len(self)))]:
                hashes += hashlib.blake2b(np.ascontiguousarray(face), digest_size=8).digest()
        return np.frombuffer(bytes(hashes), np.uint64)


def is_database(path: Path) -> bool:
    """Whether a file is a training database of either version."""
    import scipy.io

    try:
        if h5py.is_hdf5(path):
            with h5py.File(path) as file:
                names = set(file)
        else:
            names = {name for name, *_ in scipy.io.whosmat(path)}
    except Exception:  # scipy raises many kinds for other files
        return False
    return {"image", "gender", "age"} <= names


def open_database(path: Path) -> Database:
    """Open a database of either version, or one of the original toolkit.

    Genders of the original toolkit's UTKFace script are converted, with a notice on stderr.
    Raises `UserError` if the file is missing, is not a database, has no faces, or has inconsistent
    fields.
    """
    check_input_file(path, "a database (create_db.py makes one)")
    fields = _read_7_3(path) if h5py.is_hdf5(path) else _read_5(path)
    missing = [name for name in ("image", "gender", "age") if name not in fields]
    if missing:
        raise UserError(
            f"{path}: expected a database with the field {missing[0]!r}, it has "
            f"{', '.join(sorted(fields)) or 'no field'}; make one with create_db.py"
        )
    labels, margin = _labels(path, fields)
    db = _single(fields.get("db", ""))
    if str(db).strip().lower() == _ORIGINAL_UTKFACE and "version" not in fields:
        labels["gender"] = 1 - labels["gender"]
        print(
            f"{path}: made by the original toolkit's UTKFace script, in which gender 0 is male; "
            "converted to 0 female, 1 male",
            file=sys.stderr,
        )
    person = _texts_of(path, fields, "person")
    return Database(
        path=path,
        image=fields["image"],
        **labels,
        names=_texts_of(path, fields, "path"),
        db=db,
        crop=_crop(path, fields, margin),
        group=_texts_of(path, fields, "group"),
        person=np.array(person) if any(person) else None,
        identity=_column(path, fields, "identity", np.uint64) if "identity" in fields else None,
    )


def _crop(path: Path, fields: dict, margin: float) -> FaceCrop:
    size, known = fields["image"].shape[1], None if np.isnan(margin) else margin
    if "align" in fields:  # version 0.1, which aligned faces without a margin
        alignment = _single(fields["align"]) or NO_ALIGNMENT
        known = known if alignment == NO_ALIGNMENT else 0.0
    else:
        alignment = _single(fields.get("alignment", "")) or NO_ALIGNMENT
    if alignment not in DEFAULT_MARGINS:
        raise UserError(
            f"{path}: expected an alignment of {', '.join(DEFAULT_MARGINS)}, received {alignment!r}"
        )
    return FaceCrop(size, known, alignment)


def _check_image(path: Path, image: "np.ndarray | h5py.Dataset") -> None:
    shape = tuple(image.shape)
    if len(shape) != 4 or shape[1] != shape[2] or shape[3] != 3 or not shape[1]:
        raise UserError(
            f"{path}: expected square images, (N, S, S, 3) with S > 0, received {shape}; make the "
            "database again with create_db.py"
        )
    if image.dtype != np.uint8:
        raise UserError(f"{path}: expected images of uint8, received {image.dtype}")
    if not len(image):
        raise UserError(f"{path}: expected a database with faces, it has none")


def _labels(path: Path, fields: dict) -> tuple[dict[str, np.ndarray], float]:
    """Gender and both ends of the age, float64 (N,) each, NaN where unknown, and the margin."""
    fields = {"age_low": fields["age"], "age_high": fields["age"]} | fields
    labels = {}
    for name, largest in (("gender", 1), ("age_low", MAX_AGE), ("age_high", MAX_AGE)):
        values = _column(path, fields, name, np.float64)
        values = labels[name] = np.where(values == -1, np.nan, values)  # the original's unknown
        wrong = ~np.isnan(values) & ~np.isin(values, range(largest + 1))
        if wrong.any():
            row = int(wrong.argmax())
            raise UserError(
                f"{path}: expected {name!r} to be a whole number from 0 to {largest}, received "
                f"{values[row]:g} in row {row}"
            )
    margin = _single(fields.get("margin", np.nan))
    if not isinstance(margin, int | float):
        raise UserError(f"{path}: expected a number as margin, received {margin!r}")
    return labels, float(margin)


def _texts_of(path: Path, fields: dict, name: str) -> list[str]:
    if not np.size(fields.get(name, ())):
        return []
    return [text.rstrip(" ") for text in _column(path, fields, name, np.str_).tolist()]


def _column(path: Path, fields: dict, name: str, dtype: type) -> np.ndarray:
    """A field with one value per image, (N,)."""
    values, count = np.ravel(fields[name]), len(fields["image"])
    try:
        values = values.astype(dtype, casting="unsafe" if dtype is np.str_ else "same_kind")
    except (TypeError, ValueError) as error:
        raise UserError(
            f"{path}: expected {name!r} as {dtype.__name__}, received {values[0]!r:.40} as "
            f"{values.dtype}"
        ) from error
    if len(values) != count:
        raise UserError(
            f"{path}: expected one {name!r} per image, received {len(values)} for {count} images; "
            "make the database again with create_db.py"
        )
    return values


def _single(value: "np.ndarray | str | float") -> "str | float":
    return np.asarray(value).ravel()[0].item() if np.size(value) else ""


def _read_5(path: Path) -> dict[str, np.ndarray]:
    fields = matlab.read_version_5(path, "a database")
    if "image" in fields:
        _check_image(path, fields["image"])
        fields["image"] = np.ascontiguousarray(fields.pop("image"))  # in the file, N varies fastest
    return fields


def _read_7_3(path: Path) -> dict[str, "Faces | np.ndarray"]:
    fields = {}
    try:
        with h5py.File(path) as file:
            datasets = {name: data for name, data in file.items() if isinstance(data, h5py.Dataset)}
            image = datasets.pop("image", None)
            if image is not None:
                _check_image(path, image)
                fields["image"] = MappedFaces(path, image)
            fields |= {name: np.array(plain_value(data)) for name, data in datasets.items()}
    except (OSError, RuntimeError, ValueError, TypeError, KeyError) as error:
        raise UserError(f"{path}: could not be read, it may be cut short: {error}") from error
    return fields


class MappedFaces:
    """The images of a 7.3 database, memory-mapped.

    `faces[rows]`, rows int (n,), returns uint8 (n, S, S, 3). The database can exceed memory.
    """

    def __init__(self, path: Path, data: h5py.Dataset):
        self.shape, self.dtype = data.shape, data.dtype
        self._row_bytes = math.prod(data.shape[1:]) * data.dtype.itemsize
        self._rows_a_chunk = data.chunks[0] if data.chunks else max(len(data), 1)
        self._starts = self._chunk_starts(path, data)
        with path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if hasattr(mmap, "MADV_RANDOM"):  # reads ahead would evict faces if memory is short
            self._map.madvise(mmap.MADV_RANDOM)
        self._bytes = np.frombuffer(self._map, np.uint8)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        row_bytes, (chunk, row) = self._row_bytes, np.divmod(rows, self._rows_a_chunk)
        starts = self._starts[chunk] + row * row_bytes
        faces = np.empty((len(starts), row_bytes), np.uint8)
        self._prefetch(starts)
        for face, start in zip(faces, starts.tolist(), strict=True):
            face[:] = self._bytes[start : start + row_bytes]
        return faces.reshape(len(starts), *self.shape[1:])

    def _chunk_starts(self, path: Path, data: h5py.Dataset) -> np.ndarray:
        """Offsets of the chunks in the file, in bytes, int64; of all images without chunks."""
        if data.compression or (data.chunks and data.chunks[1:] != data.shape[1:]):
            raise UserError(
                f"{path}: expected 'image' uncompressed, in chunks of whole rows; make the "
                "database again with create_db.py"
            )
        starts = []
        if data.chunks:  # one pass; get_chunk_info(i) counts from 0 each time
            data.id.chunk_iter(lambda chunk: starts.append((chunk.chunk_offset, chunk.byte_offset)))
        elif len(data) and data.id.get_offset() is not None:
            starts.append(((0,), data.id.get_offset()))
        expected = -(-len(data) // self._rows_a_chunk)
        if len(starts) != expected:
            raise UserError(f"{path}: expected {expected} chunks of images, found {len(starts)}")
        found = np.array([start for _, start in sorted(starts)], np.int64)
        if found.max(initial=0) + self._row_bytes > path.stat().st_size:
            raise UserError(f"{path}: expected all of 'image', the file is cut short")
        return found

    def _prefetch(self, starts: np.ndarray) -> None:
        """Let the system read neighbouring rows at once."""
        if len(starts) and hasattr(mmap, "MADV_WILLNEED"):
            first = int(starts.min()) // mmap.PAGESIZE * mmap.PAGESIZE
            span = int(starts.max()) + self._row_bytes - first
            if span <= 2 * len(starts) * self._row_bytes + mmap.PAGESIZE:
                self._map.madvise(mmap.MADV_WILLNEED, first, span)
