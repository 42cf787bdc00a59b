"""MATLAB files: structs of version 7.3, character matrices."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..files import wrap_read_errors

if TYPE_CHECKING:
    import h5py


def read_version_5(path: Path, expected: str, **options) -> dict:
    """The variables of a file of version 4 to 7, by `scipy.io.loadmat` with its `options`.

    expected: noun phrase of the file for the message.
    Raises `UserError` if it cannot be read.
    """
    import scipy.io

    with wrap_read_errors(path, f"{expected}, a MATLAB file"):
        variables = scipy.io.loadmat(path, **options)
    return {name: value for name, value in variables.items() if not name.startswith("__")}


def read_struct_7_3(group: h5py.Group, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Fields of a struct of version 7.3, (N,) each: numbers unchanged, cells and character matrices
    as str. Raises `ValueError` for other kinds of fields."""
    return {name: _field(group.file, group[name]) for name in names if name in group}


def _field(file: h5py.File, data: h5py.Dataset) -> np.ndarray:
    import h5py

    if h5py.check_ref_dtype(data.dtype):
        return np.array([_cell(file[reference]) for reference in np.ravel(data[()])], object)
    if is_char(data):
        return np.array(matrix_texts(data[()]), object)
    return np.ravel(data[()])


def _cell(data: h5py.Dataset) -> str:
    """The text of a cell, "" if it is empty or not text."""
    if not is_char(data) or data.attrs.get("MATLAB_empty") or data.ndim != 2:
        return ""
    return "".join(matrix_texts(data[()]))


def is_char(data: h5py.Dataset) -> bool:
    """Whether a dataset is a character matrix."""
    return data.attrs.get("MATLAB_class") == b"char" and data.dtype.kind == "u"


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
