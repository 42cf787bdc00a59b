"""Character matrices of MATLAB 7.3 files, which are HDF5."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import h5py

_SPACE = " ".encode("utf-16-le")


def is_char(data: h5py.Dataset) -> bool:
    """Whether a dataset is a character matrix, and not an empty cell."""
    return data.attrs.get("MATLAB_class") == b"char" and not data.attrs.get("MATLAB_empty")


def text_matrix(texts: Sequence[str]) -> np.ndarray:
    """Texts as a character matrix, uint16 (width, N), padded with spaces."""
    # UTF-16, with lone surrogates for file names that are not UTF-8.
    codes = [text.encode("utf-16-le", "surrogatepass") for text in texts]
    width = max(1, *(len(code) // 2 for code in codes)) if codes else 1
    padded = b"".join(code + _SPACE * (width - len(code) // 2) for code in codes)
    return np.frombuffer(padded, "<u2").reshape(len(codes), width).T


def matrix_texts(matrix: np.ndarray) -> list[str]:
    """The texts of a character matrix, uint16 (width, N), without the padding."""
    rows = np.ascontiguousarray(matrix.T, "<u2")
    return [row.tobytes().decode("utf-16-le", "surrogatepass").rstrip(" ") for row in rows]
