"""Crash-safe writing of training databases.

The faces of all records go into a plain file of rows, in any order, and then the state of each
record goes into a second file: a killed run continues with the records that have no state. At the
end the kept rows are copied into the database in one pass, which can be repeated.
"""

from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from .. import __version__
from ..errors import UserError
from ..files import atomic
from ..labels import age_midpoint
from ..outputs import has_mark
from .database import COLUMNS, TEXTS
from .matlab import text_matrix

TO_DO = 0  # state of a record that is not read yet
# The state is last, as a record counts when it is complete.
RECORD = np.dtype([("identity", "<u8"), ("pixels", "<u8"), ("state", "u1")])
_RUN_BYTES = 64  # before the records in the second file
_COPIED_BYTES = 2**24
_USERBLOCK_BYTES = 512  # MATLAB's header before the HDF5 file
_MATLAB_CLASS = {"uint8": "uint8", "uint64": "uint64", "float64": "double", "uint16": "char"}
_HEADERS = {  # without a date, so that equal databases have equal files
    "7.3": b"MATLAB 7.3 MAT-file, Platform: Python, HDF5 schema 1.00",
    "5": b"MATLAB 5.0 MAT-file, Platform: Python",
}

is_own = has_mark(*_HEADERS.values())


def image_bytes(rows: int, img_size: int) -> int:
    """Size of the images of a database, nearly all of it, in bytes."""
    return rows * img_size * img_size * 3


class FaceSlots:
    """The faces and the states of the records of an unfinished database, in two files.

    The files are `.{stem}.partial` and `.{stem}.states` next to the database `output`. As a context
    manager, they are created unless they are continued, and deleted at the end of the block, except
    if it fails and they have a face.

    Attributes:
        shape: of all faces, (N, S, S, 3).
        run: 64 hexadecimal digits that identify the dataset and the arguments.
        records: `RECORD` (N,). `identity`: of the source file; `pixels`: a hash of the decoded
            image, 0 if not computed; `state`: `TO_DO` or one of the caller's codes.
    """

    def __init__(self, output: Path, rows: int, img_size: int, run: str, resume: bool = False):
        """Continue the files of an interrupted run if `resume`; `UserError` if of another run."""
        self.path, self.states = (
            output.with_name(f".{output.stem}{end}") for end in (".partial", ".states")
        )
        self.shape, self.run = (rows, img_size, img_size, 3), run
        self.records = np.zeros(rows, RECORD)
        self._is_resumed = resume and self.states.exists()
        if self._is_resumed:
            if self.states.read_bytes()[:_RUN_BYTES] != run.encode():
                raise UserError(
                    f"--resume: expected {self.path} to be of the same dataset and arguments, "
                    "received different ones; pass the same, or start over without --resume"
                )
            self.records = read_states(self.states)

    def __enter__(self) -> "FaceSlots":
        if not self._is_resumed:
            self.remove()
            with self.path.open("wb") as file:
                file.truncate(image_bytes(*self.shape[:2]))
            with atomic(self.states) as partial:
                partial.write_bytes(self.run.encode() + self.records.tobytes())
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None or not self.done:
            self.remove()
        elif kind is KeyboardInterrupt:
            raise KeyboardInterrupt("resume with the same command and --resume") from None

    def write(self, start: int, faces: np.ndarray, records: np.ndarray) -> None:
        """Write faces, uint8 (n, S, S, 3), of the rows from `start` on, then their `RECORD`s."""
        self.records[start : start + len(records)] = records
        for path, offset, values in (
            (self.path, start * image_bytes(1, self.shape[1]), faces),
            (self.states, _RUN_BYTES + start * RECORD.itemsize, records),
        ):
            with path.open("r+b") as file:
                file.seek(offset)
                file.write(np.ascontiguousarray(values).data)

    def read(self, rows: np.ndarray) -> np.ndarray:
        """The faces of some rows, int64 (n,), uint8 (n, S, S, 3)."""
        return np.asarray(np.memmap(self.path, np.uint8, "r", shape=self.shape))[rows]

    @property
    def done(self) -> int:
        """Number of records that have a state."""
        return int((self.records["state"] != TO_DO).sum())

    def remove(self) -> None:
        """Delete both files; the states first, without which the faces are worthless."""
        for path in (self.states, self.path):
            path.unlink(missing_ok=True)


def read_states(path: Path) -> np.ndarray:
    """The `RECORD`s (N,) of a file of states."""
    return np.fromfile(path, RECORD, offset=_RUN_BYTES)


def write_database(
    path: Path,
    slots: FaceSlots,
    table: pd.DataFrame,
    kept: np.ndarray,
    values: dict[str, float | str],
    version: str,
) -> None:
    """Write a database of the rows `kept`, int64 (n,), ascending, of `table`, as in `Records`.

    values: single values to store.  version: "7.3" or "5".
    """
    table = table.iloc[kept]
    table = table.assign(age=age_midpoint(table["age_low"], table["age_high"]))
    fields = {name: table[name].to_numpy(np.float64) for name in COLUMNS}
    fields |= {name: table[name].tolist() for name in TEXTS}
    fields |= {"identity": slots.records["identity"][kept]} | values | {"version": __version__}
    write = _write_7_3 if version == "7.3" else _write_5
    write(path, slots, kept, fields)


def _write_7_3(path: Path, slots: FaceSlots, kept: np.ndarray, fields: dict) -> None:
    # Through a file object, an error such as a full disk is raised; HDF5's own driver crashes.
    with path.open("w+b") as disk:
        with h5py.File(disk, "w", userblock_size=_USERBLOCK_BYTES) as file:
            image = file.create_dataset("image", (len(kept), *slots.shape[1:]), np.uint8)
            step = max(1, _COPIED_BYTES // image_bytes(1, slots.shape[1]))
            for start in range(0, len(kept), step):
                image[start : start + step] = slots.read(kept[start : start + step])
            for name, values in fields.items():
                if isinstance(values, str | list):
                    file[name] = text_matrix([values] if isinstance(values, str) else values)
                    file[name].attrs["MATLAB_int_decode"] = np.int32(2)
                else:  # numbers are double in MATLAB, except identities
                    column = np.reshape(values, (-1, 1))
                    is_identity = column.dtype == np.uint64
                    file[name] = column if is_identity else column.astype(np.float64)
            for data in file.values():
                data.attrs["MATLAB_class"] = np.bytes_(_MATLAB_CLASS[data.dtype.name])
        disk.seek(0)
        disk.write(_HEADERS["7.3"].ljust(116) + bytes(8) + b"\x00\x02IM")


def _write_5(path: Path, slots: FaceSlots, kept: np.ndarray, fields: dict) -> None:
    import scipy.io

    for name in TEXTS:  # scipy cannot write the lone surrogates of file names not in UTF-8
        texts = [text.encode(errors="backslashreplace").decode() for text in fields[name]]
        fields[name] = np.array(texts)
    with path.open("w+b") as file:
        scipy.io.savemat(file, {"image": slots.read(kept)} | fields, oned_as="row")
        file.seek(0)
        file.write(_HEADERS["5"].ljust(116))
