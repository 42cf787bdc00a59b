"""The training database: one .mat file of faces and their labels.

Fields as in the original toolkit: `image` uint8 (N, S, S, 3) BGR, `gender`, `age`, `db`,
`img_size`, `min_score`; and `age_low`, `age_high`, `group`, `path`, `margin`, `align`, `version`.
It is written as MATLAB 7.3, which is HDF5 behind a MATLAB header, so that rows can be appended and
the file can pass 4 GiB. As everywhere between HDF5 and MATLAB, the dimensions stand the other way
round there: MATLAB sees `image` as 3 x S x S x N. `version="5"` is the classic format, which
`scipy.io.loadmat` and the original toolkit read.
"""

import math
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from src import __version__
from src.errors import UserError
from src.files import LastingFile, replacing, uninterrupted
from src.labels import MAX_AGE

VERSIONS = ("7.3", "5")
COLUMNS = ("gender", "age", "age_low", "age_high")  # float64 (N,), NaN where unknown
TEXTS = ("path", "group")  # str (N,)
_V5_LIMIT = 2**32  # bytes of one variable that scipy writes and reads
_HEADER_BYTES = 512
_CHUNK_BYTES = 2**20
_MATLAB_CLASS = {"uint8": "uint8", "float64": "double", "uint16": "char"}


def image_bytes(rows: int, img_size: int) -> int:
    """Size of the pictures of a database, nearly all of it, in bytes."""
    return rows * img_size * img_size * 3


def check_fits(version: str, rows: int, img_size: int) -> None:
    """Raise `UserError` where `rows` pictures are more than the format can hold."""
    needed = image_bytes(rows, img_size)
    if version == "5" and needed >= _V5_LIMIT:
        raise UserError(
            f"--mat_version 5 holds less than {_V5_LIMIT:,} bytes of pictures, {rows:,} pictures "
            f"of {img_size}x{img_size} take {needed:,}; use --mat_version 7.3 or a smaller "
            "--img_size"
        )


class DatabaseWriter:
    """Appends rows to a MATLAB 7.3 file; `writing` opens one."""

    def __init__(
        self, file: h5py.File, disk: LastingFile, img_size: int, text_widths: dict[str, int]
    ):
        self._file, self._disk = file, disk
        self.rows = 0
        face = (img_size, img_size, 3)
        rows_a_chunk = max(1, _CHUNK_BYTES // image_bytes(1, img_size))
        self._extendable("image", np.uint8, (0, *face), 0, (rows_a_chunk, *face))
        for name in COLUMNS:
            self._extendable(name, np.float64, (0, 1), 0, (8192, 1))
        for name in TEXTS:
            width = max(1, text_widths[name])
            self._extendable(name, np.uint16, (width, 0), 1, (width, 8192))

    def _extendable(
        self, name: str, dtype: type, shape: tuple, axis: int, chunks: tuple[int, ...]
    ) -> None:
        limits = tuple(None if i == axis else length for i, length in enumerate(shape))
        data = self._file.create_dataset(name, shape, dtype, maxshape=limits, chunks=chunks)
        _tell_matlab(data)

    def append(self, faces: np.ndarray, columns: dict[str, np.ndarray | list[str]]) -> None:
        """Add `faces`, uint8 (n, S, S, 3), BGR, and their (n,) values of `COLUMNS` and `TEXTS`."""
        with uninterrupted():
            start, self.rows = self.rows, self.rows + len(faces)
            for name in ("image", *COLUMNS):
                self._file[name].resize(self.rows, axis=0)
            self._file["image"][start:] = faces
            for name in COLUMNS:
                self._file[name][start:, 0] = columns[name]
            for name in TEXTS:
                data = self._file[name]
                data.resize(self.rows, axis=1)
                data[:, start:] = _text_matrix(columns[name], data.shape[0])
        self._disk.raise_error()

    def put(self, name: str, value: float | str) -> None:
        """Add a single value, the same for all rows."""
        if isinstance(value, str):
            single = _text_matrix([value], text_width([value]))
        else:
            single = np.full((1, 1), value, np.float64)
        with uninterrupted():
            _tell_matlab(self._file.create_dataset(name, data=single))


@contextmanager
def writing(
    path: Path, img_size: int, text_widths: dict[str, int], version: str = "7.3"
) -> Iterator[DatabaseWriter]:
    """Open a database to append rows to; it appears as `path` when the block ends well.

    text_widths: for each of `TEXTS`, the longest text that will come, as `text_width` counts.
    """
    with replacing(path) as partial:
        with _writing_hdf5(partial, img_size, text_widths) as writer:
            writer.put("img_size", img_size)
            writer.put("version", __version__)
            yield writer
        if version == "5":
            _to_version_5(partial)
        else:
            _write_header(partial)


@contextmanager
def _writing_hdf5(
    path: Path, img_size: int, text_widths: dict[str, int]
) -> Iterator[DatabaseWriter]:
    with LastingFile(path, "w+") as disk:
        with ExitStack() as stack:
            with uninterrupted():
                file = h5py.File(disk, "w", userblock_size=_HEADER_BYTES)
                stack.callback(uninterrupted()(file.close))
                writer = DatabaseWriter(file, disk, img_size, text_widths)
            yield writer
        disk.raise_error()


def _write_header(path: Path) -> None:
    """Write the 128 bytes by which MATLAB knows its files into the space left for them."""
    text = f"MATLAB 7.3 MAT-file, Platform: Python, Created on: {time.ctime()} HDF5 schema 1.00 ."
    with path.open("r+b") as file:
        file.write(text.encode().ljust(116) + bytes(8) + b"\x00\x02IM")


def _to_version_5(path: Path) -> None:
    """Rewrite a finished MATLAB 7.3 file, of less than 4 GiB, in the classic format."""
    import scipy.io

    with h5py.File(path) as file:
        fields = {name: _plain(data) for name, data in file.items()}
    with path.open("wb") as file:
        scipy.io.savemat(file, fields, oned_as="row")


def _plain(data: h5py.Dataset) -> np.ndarray | str:
    """A field as the original toolkit wrote it: rows of numbers, and texts."""
    values = data[()]
    if data.attrs.get("MATLAB_class") == b"char" and data.ndim == 2:
        texts = _texts(values)
        return texts[0] if len(texts) == 1 and data.name[1:] not in TEXTS else np.array(texts)
    return values if data.ndim == 4 else np.ravel(values)


def _tell_matlab(data: h5py.Dataset) -> None:
    data.attrs["MATLAB_class"] = np.bytes_(_MATLAB_CLASS[data.dtype.name])
    if data.dtype == np.uint16:
        data.attrs["MATLAB_int_decode"] = np.int32(2)


def text_width(texts: list[str]) -> int:
    """Length of the longest text in UTF-16 units, which MATLAB's characters are."""
    return max((len(text.encode("utf-16-le")) // 2 for text in texts), default=0)


def _text_matrix(texts: list[str], width: int) -> np.ndarray:
    """Texts as a MATLAB character matrix, uint16 (width, N), padded with spaces."""
    matrix = np.full((len(texts), width), ord(" "), np.uint16)
    for row, text in zip(matrix, texts, strict=True):
        units = np.frombuffer(text.encode("utf-16-le"), "<u2")
        row[: len(units)] = units
    return matrix.T


def _texts(matrix: np.ndarray) -> list[str]:
    """The texts of a MATLAB character matrix, uint16 (width, N)."""
    rows = np.ascontiguousarray(matrix.T, "<u2")
    return [row.tobytes().decode("utf-16-le").rstrip(" ") for row in rows]


@dataclass(frozen=True)
class Database:
    """A training database, opened for reading.

    image: uint8 (N, S, S, 3), BGR; indexing it with row numbers gives those faces. Of a 7.3 file it
        is a view of the file, which is read page by page as rows are asked for.
    gender, age_low, age_high: float64 (N,), NaN where unknown.
    margin, align: what the faces were cut with; NaN and "" in files that do not say.
    """

    path: Path
    image: "np.ndarray | MappedFaces"
    gender: np.ndarray
    age_low: np.ndarray
    age_high: np.ndarray
    db: str
    img_size: int
    margin: float
    align: str

    def __len__(self) -> int:
        return len(self.gender)


def open_database(path: Path) -> Database:
    """Open a database of either version, the original toolkit's files too.

    Raises `UserError` where it is missing, is no database, or its fields do not fit each other.
    """
    if not path.is_file():
        raise UserError(f"{path}: expected a database, found none; make one with create_db.py")
    fields = _read_7_3(path) if h5py.is_hdf5(path) else _read_5(path)
    missing = [name for name in ("image", "gender", "age") if name not in fields]
    if missing:
        raise UserError(
            f"{path}: expected a database with the field {missing[0]!r}, it has "
            f"{', '.join(sorted(fields)) or 'no field'}; make one with create_db.py"
        )
    image = fields["image"]
    labels = {
        "gender": fields["gender"],
        "age_low": fields.get("age_low", fields["age"]),
        "age_high": fields.get("age_high", fields["age"]),
    }
    if len(image.shape) != 4 or image.shape[1] != image.shape[2] or image.shape[3] != 3:
        raise UserError(f"{path}: expected square pictures (N, S, S, 3), received {image.shape}")
    if image.dtype != np.uint8:
        raise UserError(f"{path}: expected pictures of uint8, received {image.dtype}")
    try:
        labels = {name: _numbers(values) for name, values in labels.items()}
        margin = float(_single(fields.get("margin", np.nan)))
    except (ValueError, TypeError) as error:
        raise UserError(f"{path}: expected numbers as labels and margin: {error}") from error
    for name, values in labels.items():
        if len(values) != len(image):
            raise UserError(
                f"{path}: expected one {name!r} a picture, received {len(values)} for "
                f"{len(image)} pictures; make the database again with create_db.py"
            )
    _check_labels(path, labels)
    return Database(
        path=path,
        image=image,
        **labels,
        db=_single(fields.get("db", "")),
        img_size=image.shape[1],
        margin=margin,
        align=_single(fields.get("align", "")),
    )


def _check_labels(path: Path, labels: dict[str, np.ndarray]) -> None:
    allowed = {"gender": (0, 1), "age_low": range(MAX_AGE + 1), "age_high": range(MAX_AGE + 1)}
    for name, values in labels.items():
        wrong = ~np.isnan(values) & ~np.isin(values, allowed[name])
        if wrong.any():
            row = int(wrong.argmax())
            raise UserError(
                f"{path}: expected {name!r} to be a whole number from 0 to {max(allowed[name])}, "
                f"received {values[row]:g} in row {row}"
            )


def _numbers(values: np.ndarray) -> np.ndarray:
    """Labels as float64 (N,), NaN where unknown: the original toolkit also wrote -1."""
    numbers = np.asarray(values).ravel().astype(np.float64)
    return np.where(numbers == -1, np.nan, numbers)


def _single(value: "np.ndarray | str | float") -> "str | float":
    return np.asarray(value).ravel()[0].item() if np.size(value) else ""


def _read_5(path: Path) -> dict[str, np.ndarray]:
    import scipy.io

    try:
        fields = scipy.io.loadmat(path)
    except Exception as error:  # scipy raises a dozen kinds on a file that is not what it says
        raise UserError(
            f"{path}: expected a database, a MATLAB file; it could not be read: {error}"
        ) from error
    fields = {name: value for name, value in fields.items() if not name.startswith("__")}
    if "image" in fields:  # MATLAB stores the rows' bytes far apart
        fields["image"] = np.ascontiguousarray(fields["image"])
    return fields


def _read_7_3(path: Path) -> dict[str, "np.ndarray | MappedFaces"]:
    fields = {}
    try:
        with h5py.File(path) as file:
            for name, data in file.items():
                if not isinstance(data, h5py.Dataset):
                    continue
                if name == "image":
                    fields[name] = MappedFaces(path, data)
                elif name not in TEXTS:
                    fields[name] = np.array(_plain(data))
    except (OSError, RuntimeError) as error:
        raise UserError(f"{path}: could not be read, it may be cut short: {error}") from error
    return fields


class MappedFaces:
    """The pictures of a 7.3 database, read from the file where it lies on disk.

    `faces[rows]`, rows int (n,), gives uint8 (n, S, S, 3). What is not compressed is mapped into
    memory, so that a database larger than memory can be read in any order.
    """

    def __init__(self, path: Path, data: h5py.Dataset):
        self.shape, self.dtype = data.shape, data.dtype
        if data.compression or data.chunks is None or data.chunks[1:] != data.shape[1:]:
            raise UserError(
                f"{path}: expected pictures stored uncompressed, some rows to a chunk; "
                "make the database again with create_db.py"
            )
        self._rows_a_chunk = data.chunks[0]
        chunks = []
        data.id.chunk_iter(chunks.append)  # one pass; get_chunk_info(i) counts from 0 each time
        chunks.sort(key=lambda chunk: chunk.chunk_offset)
        expected = -(-len(self) // self._rows_a_chunk)
        if len(chunks) != expected:
            raise UserError(f"{path}: expected {expected} chunks of pictures, found {len(chunks)}")
        self._bytes = np.asarray(np.memmap(path, np.uint8, "r"))  # slices of a memmap are slow
        self._offsets = np.array([chunk.byte_offset for chunk in chunks], np.int64)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        face_bytes = math.prod(self.shape[1:])
        chunk, within = np.divmod(np.asarray(rows), self._rows_a_chunk)
        starts = self._offsets[chunk] + within * face_bytes
        faces = np.empty((len(starts), face_bytes), np.uint8)
        for face, start in zip(faces, starts.tolist(), strict=True):
            face[:] = self._bytes[start : start + face_bytes]
        return faces.reshape(len(starts), *self.shape[1:])
