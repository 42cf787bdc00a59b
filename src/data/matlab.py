"""Character matrices of MATLAB 7.3 files, which are HDF5."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import h5py


def is_char(data: h5py.Dataset) -> bool:
    """Whether a dataset is a character matrix, and not an empty cell."""
    return data.attrs.get("MATLAB_class") == b"char" and not data.attrs.get("MATLAB_empty")


def text_matrix(texts: Sequence[str]) -> np.ndarray:
    """Texts as a character matrix, uint16 (width, N), padded with spaces."""
    # UTF-16, with lone surrogates for file names that are not UTF-8.
    codes = np.frombuffer("".join(texts).encode("utf-16-le", "surrogatepass"), "<u2")
    lengths = [len(t) + (not t.isascii() and sum(c > "\uffff" for c in t)) for t in texts]
    matrix = np.full((len(texts), max(1, *lengths, 1)), ord(" "), "<u2")
    matrix[np.arange(matrix.shape[1]) < np.reshape(lengths, (-1, 1))] = codes
    return matrix.T


def matrix_texts(matrix: np.ndarray) -> list[str]:
    """The texts of a character matrix, uint16 (width, N), without the padding."""
    rows = np.ascontiguousarray(matrix.T, "<u2")
    return [row.tobytes().decode("utf-16-le", "surrogatepass").rstrip(" ") for row in rows]
