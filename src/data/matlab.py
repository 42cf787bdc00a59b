"""MATLAB files: size limits, structs of version 7.3, character matrices."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from ..errors import UserError

if TYPE_CHECKING:
    import h5py

MAX_BYTES = 2**29  # maximum size of decompressed variables; IMDB's labels need 2^28
_HEADER_BYTES = 128
_MATRIX, _COMPRESSED = 14, 15  # types of elements; zlib expands the latter
_TYPES = {*range(1, 8), 9, *range(12, 19)}
_CHUNK_BYTES = 2**20
_LONGEST_CELL = 2**12  # characters


def read_version_5(path: Path, expected: str, **options) -> dict:
    """The variables of a file of version 4 to 7, by `scipy.io.loadmat` with its `options`.

    expected: noun phrase of the file for the message.
    Raises `UserError` if it cannot be read, or would decompress to more than 512 MiB and more than
    8 times its size.
    """
    import scipy.io

    try:
        limit = max(MAX_BYTES, 8 * path.stat().st_size)
        if _expands_beyond(path, limit):
            raise UserError(f"{path}: expected {expected}; it expands to more than {limit:,} bytes")
        variables = scipy.io.loadmat(path, **options)
    except UserError:
        raise
    except Exception as error:  # scipy raises many kinds for damaged files
        raise UserError(
            f"{path}: expected {expected}, a MATLAB file; it could not be read: {error}"
        ) from error
    return {name: value for name, value in variables.items() if not name.startswith("__")}


def _expands_beyond(path: Path, limit: int) -> bool:
    """Whether the compressed variables of a file expand to more than `limit` bytes in total."""
    total = 0
    with path.open("rb") as file:
        order = ">" if file.read(_HEADER_BYTES).endswith(b"MI") else "<"
        while len(tag := file.read(8)) == 8:
            kind, size = struct.unpack(f"{order}II", tag)
            after = file.tell() + size
            if kind == _MATRIX:
                _check_elements(file, after, order)
            if kind == _COMPRESSED:
                expand = zlib.decompressobj()
                while file.tell() < after and not expand.eof and total <= limit:
                    chunk = file.read(min(_CHUNK_BYTES, after - file.tell()))
                    while chunk and total <= limit:
                        total += len(expand.decompress(chunk, _CHUNK_BYTES))
                        chunk = expand.unconsumed_tail
                    if not file.peek(1):
                        break
            file.seek(after)
    return total > limit


def _check_elements(file: BinaryIO, end: int, order: str) -> None:
    """Raise `ValueError` for a matrix with elements of unknown types, which crash scipy."""
    while file.tell() < end and len(tag := file.read(8)) == 8:
        kind, size = struct.unpack(f"{order}II", tag)
        if kind >> 16:  # a small element, with its values in the tag
            kind, size = kind & 0xFFFF, 0
        if kind not in _TYPES:
            raise ValueError(f"an element of type {kind}")
        if kind != _MATRIX:  # whose elements follow: those of a cell or a field
            file.seek(size + -size % 8, os.SEEK_CUR)


def read_struct_7_3(group: h5py.Group, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Fields of a struct of version 7.3, (N,) each: numbers unchanged, cells and character matrices
    as str. Raises `ValueError` for other kinds of fields."""
    return {name: _field(group.file, group[name]) for name in names if name in group}


def _field(file: h5py.File, data: h5py.Dataset) -> np.ndarray:
    import h5py

    check_size(data, MAX_BYTES)
    if h5py.check_ref_dtype(data.dtype):
        return np.array([_cell(file[reference]) for reference in np.ravel(data[()])], object)
    if is_char(data):
        return np.array(matrix_texts(data[()]), object)
    return np.ravel(data[()])


def _cell(data: h5py.Dataset) -> str:
    """The text of a cell, "" if it is empty or not text."""
    if not is_char(data) or data.attrs.get("MATLAB_empty") or data.ndim != 2:
        return ""
    if data.size > _LONGEST_CELL:
        raise ValueError(f"a text of {data.size:,} characters")
    return "".join(matrix_texts(data[()]))


def is_char(data: h5py.Dataset) -> bool:
    """Whether a dataset is a character matrix."""
    return data.attrs.get("MATLAB_class") == b"char" and data.dtype.kind == "u"


def check_size(data: h5py.Dataset, max_bytes: int) -> None:
    """Raise `ValueError` if a dataset, compressed or not, has more than `max_bytes`."""
    if (data.size or 0) * data.dtype.itemsize > max_bytes:
        raise ValueError(f"{data.name[1:]!r} has {data.size:,} values")


def text_width(texts: Sequence[str]) -> int:
    """Length of the longest text in UTF-16 units, MATLAB's characters."""
    return max((_units(text) for text in texts), default=0)


def _units(text: str) -> int:
    return len(text) if text.isascii() else len(_encoded(text)) // 2


def _encoded(text: str) -> bytes:
    return text.encode("utf-16-le", "surrogatepass")  # surrogates: file names not in UTF-8


def text_matrix(texts: Sequence[str], width: int) -> np.ndarray:
    """Texts as a MATLAB character matrix, uint16 (width, N), padded with spaces."""
    padded = "".join(text + " " * (width - _units(text)) for text in texts)
    return np.frombuffer(_encoded(padded), "<u2").reshape(len(texts), width).T


def matrix_texts(matrix: np.ndarray) -> list[str]:
    """The texts of a MATLAB character matrix, uint16 (width, N), without the padding."""
    rows = np.ascontiguousarray(matrix.T, "<u2")
    return [row.tobytes().decode("utf-16-le", "surrogatepass").rstrip(" ") for row in rows]
