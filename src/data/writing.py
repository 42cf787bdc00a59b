"""Writing a training database: laid out whole, filled face by face, then cut to what is kept.

The file is laid out for every record before the first picture is decoded, its labels in it. Faces
are then written to their places by plain system calls, in any order and from any process, without
HDF5: a run that is killed leaves a file that can be filled further. See `database` for the format.
"""

import os
import time
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
    RowPlaces,
    image_bytes,
    plain_value,
    text_matrix,
    text_width,
)
from src.files import LastingFile, uninterrupted

TO_DO = 0  # state of a record before its face, or the reason why there is none, is written
DIGEST_BYTES = 16
_HEADER_BYTES = 512
_CHUNK_BYTES = 2**20
_LABELS_A_CHUNK = 8192
_MATLAB_CLASS = {"uint8": "uint8", "float64": "double", "uint16": "char"}
_SCRATCH = ("state", "digest")


def bytes_needed(table: pd.DataFrame, img_size: int) -> int:
    """About the size of the file for all rows of `table`, in bytes."""
    row = 8 * len(COLUMNS) + DIGEST_BYTES + 2 * sum(text_width(table[name]) for name in TEXTS)
    return image_bytes(len(table), img_size) + len(table) * row + 2 * _CHUNK_BYTES


def lay_out(path: Path, table: pd.DataFrame, img_size: int, fingerprint: str) -> None:
    """Create a database for all rows of `table`, `Records.table`, with no face in it yet.

    fingerprint: what the run is about, to tell whether another run may go on with the file.
    """
    count, middle = len(table), (table["age_low"] + table["age_high"]) / 2
    with _hdf5(path, "w", userblock_size=_HEADER_BYTES) as file:
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
        images = _prepare_images(file, img_size)
        file.flush()
        images.resize(count, axis=0)  # last, so that the file shrinks when rows are cut off


def _prepare_images(file: h5py.File, img_size: int) -> h5py.Dataset:
    """An empty `image` whose chunks get their places, with nothing written, when it is resized."""
    how = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    how.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    how.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    face = (img_size, img_size, 3)
    chunks = (max(1, _CHUNK_BYTES // image_bytes(1, img_size)), *face)
    images = file.create_dataset(
        "image", (0, *face), np.uint8, maxshape=(None, *face), chunks=chunks, dcpl=how
    )
    _tell_matlab(images)
    return images


def read_fingerprint(path: Path) -> str | None:
    """What `lay_out` was given for the file; None where it is no file that was laid out whole."""
    try:
        with h5py.File(path) as file:
            return file.attrs["fingerprint"] if "image" in file else None
    except (OSError, KeyError):
        return None


class Places:
    """Where the faces of a laid-out file go, and what was noted of each so far.

    state: uint8 (N,), `TO_DO` or the caller's codes.  digest: uint8 (N, 16).
    """

    def __init__(self, path: Path):
        with h5py.File(path) as file:
            self.faces = RowPlaces(path, file["image"])
            self._scratch = {name: RowPlaces(path, file[name]) for name in _SCRATCH}
            self.state, self.digest = (file[name][()] for name in _SCRATCH)
        self._file = os.open(path, os.O_WRONLY)

    def note(self, start: int, state: np.ndarray, digest: np.ndarray) -> None:
        """Note states, uint8 (n,), and digests, uint8 (n, 16), of the rows from `start` on."""
        self.state[start : start + len(state)] = state
        self.digest[start : start + len(state)] = digest
        for name, values in (("digest", digest), ("state", state)):  # the state says: all is there
            write_at(self._file, self._scratch[name](np.array([start]))[0], values)

    def close(self) -> None:
        os.close(self._file)


def write_at(file: int, offset: int, values: np.ndarray) -> None:
    """Write all of `values` to an open file, `offset` bytes from its start."""
    left = memoryview(np.ascontiguousarray(values)).cast("B")
    while left:
        written = os.pwrite(file, left, int(offset))
        left, offset = left[written:], offset + written


def write_faces(path: Path, places: list[int], faces: np.ndarray) -> None:
    """Write faces, uint8 (n, S, S, 3), to their places in a laid-out file, in as few pieces."""
    apart = np.flatnonzero(np.diff(places) != faces[0].nbytes) + 1
    file = os.open(path, os.O_WRONLY)
    try:
        for piece in np.split(np.arange(len(faces)), apart):
            write_at(file, places[piece[0]], faces[piece[0] : piece[-1] + 1])
    finally:
        os.close(file)


def finish(path: Path, kept: np.ndarray, values: dict[str, float | str], version: str) -> None:
    """Cut a filled file to the rows `kept`, int64 (n,), ascending; add single `values`.

    A file that this was begun with cannot be filled further: the caller lets Ctrl-C wait.
    """
    with _hdf5(path, "r+") as file:
        del file.attrs["fingerprint"]  # from here on no run can go on with it
    _move_faces(path, kept)
    with _hdf5(path, "r+") as file:
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
    if version == "5":
        _to_version_5(path)
    else:
        _write_header(path)


def _move_faces(path: Path, kept: np.ndarray) -> None:
    """Move the faces of the rows `kept` to the front."""
    moved = np.flatnonzero(kept != np.arange(len(kept)))
    with h5py.File(path) as file:
        places = RowPlaces(path, file["image"])
    with path.open("r+b") as file:
        for old, new in zip(places(kept[moved]).tolist(), places(moved).tolist(), strict=True):
            face = os.pread(file.fileno(), places.row_bytes, old)
            write_at(file.fileno(), new, np.frombuffer(face, np.uint8))


@contextmanager
def _hdf5(path: Path, mode: str, **how) -> Iterator[h5py.File]:
    """Open a file to write to by HDF5; Ctrl-C waits, and what the disk refuses is raised."""
    with uninterrupted(), LastingFile(path, mode.replace("w", "w+")) as disk:
        with h5py.File(disk, mode, **how) as file:
            yield file
        disk.raise_error()


def _replace(data: h5py.Dataset, values: np.ndarray) -> None:
    data.resize(values.shape)
    data[...] = values


def _put(file: h5py.File, name: str, values: np.ndarray, **shape) -> None:
    _tell_matlab(file.create_dataset(name, data=values, **shape))


def _tell_matlab(data: h5py.Dataset) -> None:
    data.attrs["MATLAB_class"] = np.bytes_(_MATLAB_CLASS[data.dtype.name])
    if data.dtype == np.uint16:
        data.attrs["MATLAB_int_decode"] = np.int32(2)


def _write_header(path: Path) -> None:
    """Write the 128 bytes by which MATLAB knows its files into the space left for them."""
    text = f"MATLAB 7.3 MAT-file, Platform: Python, Created on: {time.ctime()} HDF5 schema 1.00 ."
    with path.open("r+b") as file:
        file.write(text.encode().ljust(116) + bytes(8) + b"\x00\x02IM")


def _to_version_5(path: Path) -> None:
    """Rewrite a finished MATLAB 7.3 file, of less than 4 GiB, in the classic format."""
    import scipy.io

    with h5py.File(path) as file:
        fields = {name: plain_value(data) for name, data in file.items()}
    with path.open("wb") as file:
        scipy.io.savemat(file, fields, oned_as="row")
