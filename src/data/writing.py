"""Crash-safe writing of training databases.

The file is allocated for all records before the first picture is decoded: a header, a slot per
face, and the progress of the run. Faces are written to their slots by plain system calls, in any
order. At the end the faces that are kept move to the front, and HDF5 writes its structure and the
labels around them; see `database` for the format.

A process that is killed at any moment leaves a file that can be resumed: the file has another name
until it is allocated, faces are recorded after they are written and moved in repeatable steps, and
the progress is copied to a journal before HDF5 overwrites it, which can be repeated too.
"""

import io
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from .. import __version__
from ..errors import UserError
from ..files import atomic
from ..labels import age_midpoint
from ..outputs import begins_with
from .database import COLUMNS, TEXTS, image_bytes
from .matlab import text_matrix, text_width

TO_DO = 0  # state of a record that is not read yet
DIGEST_BYTES = 16
_HEADER_BYTES = 512
_COUNTER_BYTES = 8  # number of moved faces, before the states and digests
_MATLAB_CLASS = {"uint8": "uint8", "float64": "double", "uint16": "char"}
_WRITING = os.O_RDWR | getattr(os, "O_BINARY", 0)  # O_BINARY: no conversion of line ends (Windows)
_HEADERS = {
    "7.3": b"MATLAB 7.3 MAT-file, Platform: Python, HDF5 schema 1.00",
    "5": b"MATLAB 5.0 MAT-file, Platform: Python",
}


@dataclass(frozen=True)
class _Header:
    """The beginning of a file that is not finished, and of its journal.

    faces_at: place of the faces, in bytes from the start of the file.
    """

    fingerprint: str
    rows: int
    img_size: int
    faces_at: int

    def __bytes__(self) -> bytes:
        return json.dumps(asdict(self)).encode().ljust(_HEADER_BYTES)

    @property
    def face_bytes(self) -> int:
        return image_bytes(1, self.img_size)

    @property
    def progress_at(self) -> int:
        """Place of the progress, behind the faces."""
        return self.faces_at + self.rows * self.face_bytes

    @property
    def progress_bytes(self) -> int:
        return _COUNTER_BYTES + self.rows * (1 + DIGEST_BYTES)


def bytes_needed(table: pd.DataFrame, img_size: int) -> int:
    """Approximate size of the file for all rows of `table`, in bytes."""
    row = (
        8 * len(COLUMNS)
        + DIGEST_BYTES
        + 2 * sum(text_width(table[name].tolist()) for name in TEXTS)
    )
    return image_bytes(len(table), img_size) + len(table) * row + 2**20


def allocate(path: Path, table: pd.DataFrame, img_size: int, fingerprint: str) -> None:
    """Create a file with slots for all rows of `table`, as in `Records`.

    fingerprint: identifies the run; only a run with the same fingerprint may resume the file.
    """
    for older in (path, journal_of(path)):
        older.unlink(missing_ok=True)
    with atomic(path) as partial, partial.open("wb") as file:
        file.write(bytes(_Header(fingerprint, len(table), img_size, _first_place())))
        file.truncate(bytes_needed(table, img_size))  # fails early at a limit of file sizes


def journal_of(path: Path) -> Path:
    """The file with the progress of a run from `finish` until the run ends."""
    return path.with_suffix(".journal")


def read_fingerprint(path: Path) -> str | None:
    """The fingerprint given to `allocate`; None for other files."""
    try:
        return _read_header(path).fingerprint if path.is_file() else None
    except (OSError, TypeError, ValueError):
        return None


def _read_header(path: Path) -> _Header:
    journal = journal_of(path)
    with (journal if journal.exists() else path).open("rb") as file:
        return _Header(**json.loads(file.read(_HEADER_BYTES)))


class FaceSlots:
    """Slots of the faces in an allocated file, and the state of each record.

    state: uint8 (N,), `TO_DO` or the caller's codes.  digest: uint8 (N, 16).
    moved: number of faces that `finish` has moved to the front.
    """

    def __init__(self, path: Path):
        self._file, self._header = os.open(path, _WRITING), _read_header(path)
        journal, at = journal_of(path), self._header.progress_at
        source, start = (journal, _HEADER_BYTES) if journal.exists() else (path, at)
        progress = np.fromfile(source, np.uint8, self._header.progress_bytes, offset=start)
        counter, state, digest = np.split(
            progress, [_COUNTER_BYTES, _COUNTER_BYTES + self._header.rows]
        )
        self.moved = int(counter.view("<i8")[0])
        self.state, self.digest = state, digest.reshape(-1, DIGEST_BYTES)

    def write(self, start: int, faces: np.ndarray, state: np.ndarray, digest: np.ndarray) -> None:
        """Write faces, uint8 (n, S, S, 3), of the rows from `start` on, then their digests, uint8
        (n, 16), and states, uint8 (n,)."""
        rows = slice(start, start + len(state))
        self.state[rows], self.digest[rows] = state, digest
        states_at = self._header.progress_at + _COUNTER_BYTES
        write_at(self._file, self._place(start), faces)
        write_at(self._file, states_at + len(self.state) + start * DIGEST_BYTES, digest)
        write_at(self._file, states_at + start, state)  # last, as it is decisive

    def move(self, kept: np.ndarray) -> None:
        """Move the faces of the rows `kept` to the front, and record the number moved."""
        while self.moved < len(kept):
            # A move can be repeated as long as none of its source rows is overwritten.
            gap = int(kept[self.moved]) - self.moved
            end = min(self.moved + max(gap, 1), len(kept))
            for row in range(self.moved, end) if gap else ():
                os.lseek(self._file, self._place(int(kept[row])), os.SEEK_SET)
                face = os.read(self._file, self._header.face_bytes)
                write_at(self._file, self._place(row), np.frombuffer(face, np.uint8))
            self.moved = end
            write_at(self._file, self._header.progress_at, np.array([end], "<i8"))

    def _place(self, row: int) -> int:
        return self._header.faces_at + row * self._header.face_bytes

    @property
    def has_work(self) -> bool:
        """Whether any record is done."""
        return bool((self.state != TO_DO).any())

    def close(self) -> None:
        os.close(self._file)


def write_at(file: int, offset: int, values: np.ndarray) -> None:
    """Write all of `values` to an open file, `offset` bytes from its start."""
    os.lseek(file, offset, os.SEEK_SET)
    left = memoryview(np.ascontiguousarray(values)).cast("B")
    while left:
        left = left[os.write(file, left) :]


def finish(
    path: Path,
    table: pd.DataFrame,
    kept: np.ndarray,
    values: dict[str, float | str],
    version: str,
) -> None:
    """Turn a filled file into a database of the rows `kept`, int64 (n,), ascending, of `table`.

    values: single values to store.
    If the process is killed, another call with the same arguments finishes the file. The caller
    deletes `journal_of(path)` when the file has its final name.
    """
    header = _read_header(path)
    if not journal_of(path).exists():
        slots = FaceSlots(path)
        try:
            slots.move(kept)
        finally:
            slots.close()
        progress = np.fromfile(path, np.uint8, header.progress_bytes, offset=header.progress_at)
        with atomic(journal_of(path)) as partial:
            partial.write_bytes(bytes(header) + progress.tobytes())
    if version == "5" and begins_with(_HEADERS["5"])(path):
        return
    table = table.iloc[kept]
    labels = table.assign(age=age_midpoint(table["age_low"], table["age_high"]))
    fields = {name: labels[name].to_numpy(np.float64) for name in COLUMNS}
    fields |= {name: labels[name].tolist() for name in TEXTS}
    shape = (len(kept), header.img_size, header.img_size, 3)
    write = _write_7_3 if version == "7.3" else _write_5
    write(path, header.faces_at, shape, fields | values | {"version": __version__})


Field = np.ndarray | list[str] | float | str


def _first_place() -> int:
    """Place of the first dataset in a file of this HDF5."""
    with h5py.File(io.BytesIO(), "w", userblock_size=_HEADER_BYTES) as file:
        return _image_dataset(file, (1, 1, 1, 3)).id.get_offset()


def _image_dataset(file: h5py.File, shape: tuple[int, ...]) -> h5py.Dataset:
    """A dataset that is allocated at once, and not written to."""
    layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    layout.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    layout.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    return file.create_dataset("image", shape, np.uint8, dcpl=layout)


def _write_7_3(path: Path, faces_at: int, shape: tuple[int, ...], fields: dict[str, Field]) -> None:
    """Write HDF5's structure and the fields around the faces."""
    if (place := _first_place()) != faces_at:
        raise UserError(
            f"{path}: expected the version of HDF5 that began it, with faces at {faces_at}, "
            f"received one that places them at {place}; run again without --resume"
        )
    with _AroundFaces(path, "r+") as disk:
        with h5py.File(disk, "w", userblock_size=_HEADER_BYTES) as file:
            _set_matlab_attributes(_image_dataset(file, shape))
            for name, values in fields.items():
                _set_matlab_attributes(file.create_dataset(name, data=_matrix(values)))
        disk.seek(0)
        disk.write(_header("7.3") + bytes(8) + b"\x00\x02IM")
        disk.finish()


class _AroundFaces(io.FileIO):
    """A file object by which HDF5 creates a file around existing faces: it appears empty.

    Writes never fail, as HDF5 cannot close a file after a failed one, and crashes Python at exit.
    """

    _size = 0
    _error: OSError | None = None

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if whence == os.SEEK_END:
            offset, whence = self._size + offset, os.SEEK_SET
        return super().seek(offset, whence)

    def write(self, data) -> int:
        left = memoryview(data)
        try:
            while left:
                left = left[super().write(left) :]
        except OSError as error:
            self._error = self._error or error
        self._size = max(self._size, self.tell())
        return len(data)

    def truncate(self, size: int | None = None) -> int:
        self._size = self.tell() if size is None else size
        return self._size

    def finish(self) -> None:
        """Cut the file to HDF5's size. Raises the first `OSError` of a write, if any."""
        if self._error:
            raise self._error
        super().truncate(self._size)


def _matrix(values: Field) -> np.ndarray:
    """A field as a MATLAB matrix in HDF5's order of dimensions."""
    if isinstance(values, str | list):
        texts = [values] if isinstance(values, str) else values
        return text_matrix(texts, max(1, text_width(texts)))
    return np.reshape(values, (-1, 1)).astype(np.float64)


def _set_matlab_attributes(data: h5py.Dataset) -> None:
    data.attrs["MATLAB_class"] = np.bytes_(_MATLAB_CLASS[data.dtype.name])
    if data.dtype == np.uint16:
        data.attrs["MATLAB_int_decode"] = np.int32(2)


def _header(version: str) -> bytes:
    """The first 116 bytes of a MATLAB file, without a date, so that equal databases have equal
    files."""
    return _HEADERS[version].ljust(116)


def _write_5(path: Path, faces_at: int, shape: tuple[int, ...], fields: dict[str, Field]) -> None:
    """Replace the file by one in the classic format, of less than 4 GiB."""
    import scipy.io

    faces = np.fromfile(path, np.uint8, int(np.prod(shape)), offset=faces_at).reshape(shape)
    for name in TEXTS:  # scipy cannot write the lone surrogates of file names not in UTF-8
        texts = [text.encode(errors="backslashreplace").decode() for text in fields[name]]
        fields[name] = np.array(texts)
    with atomic(path) as partial, partial.open("w+b") as file:
        scipy.io.savemat(file, {"image": faces} | fields, oned_as="row")
        file.seek(0)
        file.write(_header("5"))
