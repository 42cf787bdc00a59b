"""Crash-safe writing of training databases.

The file, with all labels, is allocated for every record before the first picture is decoded. Faces
are then written to their slots by plain system calls, in any order, without HDF5. At the end the
file is reduced to the rows that are kept. See `database` for the format.

A process that is killed at any moment leaves a file that can be resumed: the file has another name
until it is allocated, faces are recorded after they are written and moved in repeatable steps, and
the last changes by HDF5 are journaled before they are applied.
"""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from src import __version__
from src.data.database import (
    COLUMNS,
    TEXTS,
    RowOffsets,
    image_bytes,
    plain_value,
)
from src.data.matlab import text_matrix, text_width
from src.files import DeferredErrorFile, atomic, uninterrupted
from src.labels import age_middle
from src.outputs import begins_with

TO_DO = 0  # state of a record that is not read yet
DIGEST_BYTES = 16
_HEADER_BYTES = 512
_CHUNK_BYTES = 2**20
_LABELS_A_CHUNK = 8192
_MATLAB_CLASS = {"uint8": "uint8", "float64": "double", "uint16": "char"}
_SCRATCH = ("state", "digest", "moved")
_PAGE = 4096  # bytes
_WRITING = os.O_RDWR | getattr(os, "O_BINARY", 0)  # O_BINARY: no conversion of line ends (Windows)
_HEADERS = {
    "7.3": b"MATLAB 7.3 MAT-file, Platform: Python, HDF5 schema 1.00",
    "5": b"MATLAB 5.0 MAT-file, Platform: Python",
}


def bytes_needed(table: pd.DataFrame, img_size: int) -> int:
    """Approximate size of the file for all rows of `table`, in bytes."""
    row = 8 * len(COLUMNS) + DIGEST_BYTES + 2 * sum(text_width(table[name]) for name in TEXTS)
    return image_bytes(len(table), img_size) + len(table) * row + 2 * _CHUNK_BYTES


def allocate(path: Path, table: pd.DataFrame, img_size: int, fingerprint: str) -> None:
    """Create a database for all rows of `table`, as in `Records`, without faces.

    fingerprint: identifies the run; only a run with the same fingerprint may resume the file.
    """
    for older in (path, journal_of(path)):
        older.unlink(missing_ok=True)
    count, middle = len(table), age_middle(table["age_low"], table["age_high"])
    with atomic(path) as partial:
        with partial.open("wb") as file:
            file.truncate(bytes_needed(table, img_size))  # fails early at a limit of file sizes
        with _new_hdf5(partial) as file:
            file.attrs["fingerprint"] = fingerprint
            for name in COLUMNS:
                values = (middle if name == "age" else table[name]).to_numpy(np.float64)
                shape = {"maxshape": (None, 1), "chunks": (_LABELS_A_CHUNK, 1)}
                _put(file, name, values[:, None], **shape)
            for name in TEXTS:
                width = max(1, text_width(table[name]))
                shape = {"maxshape": (width, None), "chunks": (width, _LABELS_A_CHUNK)}
                _put(file, name, text_matrix(table[name], width), **shape)
            file["state"] = np.full(count, TO_DO, np.uint8)
            file["digest"] = np.zeros((count, DIGEST_BYTES), np.uint8)
            file["moved"] = np.zeros(1, np.int64)
            images = _prepare_images(file, img_size)
            file.flush()
            images.resize(count, axis=0)  # last in the file, so that removed rows shrink it


def _prepare_images(file: h5py.File, img_size: int) -> h5py.Dataset:
    """An empty dataset `image`; resizing it allocates its chunks without writing to them."""
    how = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    how.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    how.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    face = (img_size, img_size, 3)
    chunks = (max(1, _CHUNK_BYTES // image_bytes(1, img_size)), *face)
    images = file.create_dataset(
        "image", (0, *face), np.uint8, maxshape=(None, *face), chunks=chunks, dcpl=how
    )
    _set_matlab_attributes(images)
    return images


def journal_of(path: Path) -> Path:
    """The file with the last changes to a database, which exists until the run ends."""
    return path.with_suffix(".journal")


def read_fingerprint(path: Path) -> str | None:
    """The fingerprint given to `allocate`; None for other files."""
    if not path.is_file():
        return None
    try:
        if journal_of(path).exists():
            with np.load(journal_of(path), allow_pickle=False) as journal:
                return str(journal["fingerprint"])
        with h5py.File(path) as file:
            return file.attrs["fingerprint"]
    except (OSError, KeyError, ValueError):
        return None


class FaceSlots:
    """Slots of the faces in an allocated file, and the state of each record.

    state: uint8 (N,), `TO_DO` or the caller's codes.  digest: uint8 (N, 16).
    """

    def __init__(self, path: Path):
        self._file = os.open(path, _WRITING)
        if journal_of(path).exists():  # all faces are written
            with np.load(journal_of(path), allow_pickle=False) as journal:
                self.state, self.digest = journal["state"], journal["digest"]
            return
        with h5py.File(path) as file:
            self.faces = RowOffsets(path, file["image"])
            self._scratch = {name: RowOffsets(path, file[name]) for name in ("state", "digest")}
            self.state, self.digest = file["state"][()], file["digest"][()]

    def write(self, start: int, faces: np.ndarray, state: np.ndarray, digest: np.ndarray) -> None:
        """Write faces, uint8 (n, S, S, 3), of the rows from `start` on, then their digests, uint8
        (n, 16), and states, uint8 (n,)."""
        rows = np.arange(start, start + len(state))
        places = self.faces(rows)
        apart = np.flatnonzero(np.diff(places) != faces[0].nbytes) + 1
        for piece in np.split(np.arange(len(rows)), apart):  # few large writes
            write_at(self._file, places[piece[0]], faces[piece[0] : piece[-1] + 1])
        self.state[rows], self.digest[rows] = state, digest
        for name, values in (
            ("digest", digest),
            ("state", state),
        ):  # the state last: it is decisive
            write_at(self._file, self._scratch[name](rows[:1])[0], values)

    @property
    def has_work(self) -> bool:
        """Whether any record is done."""
        return bool((self.state != TO_DO).any())

    def close(self) -> None:
        os.close(self._file)


def write_at(file: int, offset: int, values: np.ndarray) -> None:
    """Write all of `values` to an open file, `offset` bytes from its start."""
    os.lseek(file, int(offset), os.SEEK_SET)
    left = memoryview(np.ascontiguousarray(values)).cast("B")
    while left:
        left = left[os.write(file, left) :]


def finish(path: Path, kept: np.ndarray, values: dict[str, float | str], version: str) -> None:
    """Reduce a filled file to the rows `kept`, int64 (n,), ascending, and add single `values`.

    If the process is killed, another call with the same arguments finishes the file. The caller
    deletes `journal_of(path)` when the file has its final name.
    """
    if not journal_of(path).exists():
        _move_faces(path, kept)
        _write_journal(path, kept, values)
    if version == "5" and begins_with(_HEADERS["5"])(path):
        return
    _apply_journal(path)
    if version == "5":
        _to_version_5(path)


def _move_faces(path: Path, kept: np.ndarray) -> None:
    """Move the faces of the rows `kept` to the front, and record the number moved."""
    with h5py.File(path) as file:
        places, counter = RowOffsets(path, file["image"]), RowOffsets(path, file["moved"])
        moved = int(file["moved"][0])
    file = os.open(path, _WRITING)
    try:
        while moved < len(kept):
            # A move can be repeated as long as none of its source rows is overwritten.
            gap = int(kept[moved]) - moved
            end = min(moved + max(gap, 1), len(kept))
            if gap:
                new = places(np.arange(moved, end)).tolist()
                for source, target in zip(places(kept[moved:end]).tolist(), new, strict=True):
                    write_at(file, target, _read_at(file, source, places.row_bytes))
            moved = end
            write_at(file, counter(np.array([0]))[0], np.array([moved]))
    finally:
        os.close(file)


def _read_at(file: int, offset: int, length: int) -> np.ndarray:
    """Bytes of an open file from `offset` on, uint8 (length,)."""
    os.lseek(file, offset, os.SEEK_SET)
    return np.frombuffer(os.read(file, length), np.uint8)


def _write_journal(path: Path, kept: np.ndarray, values: dict[str, float | str]) -> None:
    """Write the last changes to the file, and the data for resuming, to the journal."""
    with _Changes(path) as changes:
        with h5py.File(changes, "r+") as file:
            fields = {
                "fingerprint": file.attrs["fingerprint"],
                "state": file["state"][()],
                "digest": file["digest"][()],
            }
            _cut(file, kept, values)
        changes.seek(0)
        changes.write(_header("7.3") + bytes(8) + b"\x00\x02IM")
    pages = changes.pages
    fields["numbers"] = np.array(list(pages), np.int64)
    fields["pages"] = np.frombuffer(b"".join(pages.values()), np.uint8).reshape(-1, _PAGE)
    with atomic(journal_of(path)) as partial, partial.open("wb") as file:
        np.savez(file, size=changes.size, **fields)


def _cut(file: h5py.File, kept: np.ndarray, values: dict[str, float | str]) -> None:
    del file.attrs["fingerprint"]
    file["image"].resize(len(kept), axis=0)
    for name in COLUMNS:
        _replace(file[name], file[name][()][kept])
    for name in TEXTS:
        _replace(file[name], file[name][()][:, kept])
    for name in _SCRATCH:
        del file[name]
    for name, value in {**values, "version": __version__}.items():
        is_text = isinstance(value, str)
        single = text_matrix([value], len(value)) if is_text else [[float(value)]]
        _put(file, name, np.asarray(single))


def _apply_journal(path: Path) -> None:
    with np.load(journal_of(path), allow_pickle=False) as journal, path.open("r+b") as file:
        for number, page in zip(journal["numbers"], journal["pages"], strict=True):
            write_at(file.fileno(), number * _PAGE, page)
        file.truncate(int(journal["size"]))


class _Changes(io.RawIOBase):
    """A file object for h5py that keeps writes in memory and leaves the file unchanged.

    pages: changed pages of `_PAGE` bytes by their number.  size: of the changed file, in bytes.
    """

    def __init__(self, path: Path):
        self._file = path.open("rb", buffering=0)
        self.pages: dict[int, bytearray] = {}
        self.size = path.stat().st_size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.size}[whence]
        return self._at

    def readinto(self, buffer) -> int:
        view = memoryview(buffer).cast("B")[: max(self.size - self._at, 0)]
        for piece, number, start in self._pieces(view):
            piece[:] = self._page(number)[start : start + len(piece)]
        self._at += len(view)
        return len(view)

    def write(self, data) -> int:
        view = memoryview(data).cast("B")
        for piece, number, start in self._pieces(view):
            page = self.pages[number] = self._page(number)
            page[start : start + len(piece)] = piece
        self._at += len(view)
        self.size = max(self.size, self._at)
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        self.size = self._at if size is None else size
        return self.size

    def _page(self, number: int) -> bytearray:
        if number in self.pages:
            return self.pages[number]
        self._file.seek(number * _PAGE)
        return bytearray(self._file.read(_PAGE).ljust(_PAGE, b"\0"))

    def _pieces(self, view: memoryview) -> Iterator[tuple[memoryview, int, int]]:
        """The parts of `view`, written at the current position, with their page and start."""
        done = 0
        while done < len(view):
            number, start = divmod(self._at + done, _PAGE)
            yield view[done : done + _PAGE - start], number, start
            done += _PAGE - start

    def close(self) -> None:
        self._file.close()
        super().close()


@contextmanager
def _new_hdf5(path: Path) -> Iterator[h5py.File]:
    """Create a file by HDF5; Ctrl-C is deferred, failed writes are raised."""
    with uninterrupted(), DeferredErrorFile(path, "w+") as disk:
        with h5py.File(disk, "w", userblock_size=_HEADER_BYTES) as file:
            yield file
        disk.raise_error()


def _replace(data: h5py.Dataset, values: np.ndarray) -> None:
    data.resize(values.shape)
    data[...] = values


def _put(file: h5py.File, name: str, values: np.ndarray, **shape) -> None:
    _set_matlab_attributes(file.create_dataset(name, data=values, **shape))


def _set_matlab_attributes(data: h5py.Dataset) -> None:
    data.attrs["MATLAB_class"] = np.bytes_(_MATLAB_CLASS[data.dtype.name])
    if data.dtype == np.uint16:
        data.attrs["MATLAB_int_decode"] = np.int32(2)


def _header(version: str) -> bytes:
    """The first 116 bytes of a MATLAB file, without a date, so that equal databases have equal
    files."""
    return _HEADERS[version].ljust(116)


def _to_version_5(path: Path) -> None:
    """Rewrite a finished MATLAB 7.3 file, of less than 4 GiB, in the classic format."""
    import scipy.io

    with h5py.File(path) as file:
        fields = {name: plain_value(data) for name, data in file.items()}
    for name in TEXTS:  # scipy cannot write the lone surrogates of file names not in UTF-8
        texts = [text.encode(errors="backslashreplace").decode() for text in fields[name]]
        fields[name] = np.array(texts)
    with atomic(path) as partial:
        with partial.open("w+b") as file:
            scipy.io.savemat(file, fields, oned_as="row")
            file.seek(0)
            file.write(_header("5"))
