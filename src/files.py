"""Files that appear under their name only when they are whole."""

from __future__ import annotations

import errno
import io
import os
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from src.errors import UserError

if TYPE_CHECKING:
    import h5py

# What a person can mend: no space, quota, file too large, no permission, read-only.
_FIXABLE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EPERM, errno.EROFS}


def partial_of(path: Path) -> Path:
    """What `replacing` writes to until it is whole; of the same kind, as some writers go by it."""
    return path.with_name(f".{path.stem}.partial{path.suffix}")


@contextmanager
def replacing(
    path: Path, keep_on: type[BaseException] | tuple[type[BaseException], ...] = ()
) -> Iterator[Path]:
    """Yield a path beside `path` to write to; it takes `path`'s place when the block succeeds.

    A folder may be written too, and takes the place of a folder. When the block fails, what it
    wrote is deleted, but for failures that are `keep_on`, and `path` stays as it was.
    A full disk and the like become a `UserError`.
    """
    partial = partial_of(path)
    keep = False
    try:
        yield partial
        if partial.is_dir() and path.is_dir():
            shutil.rmtree(path)
        os.replace(partial, path)
    except BaseException as error:
        keep = isinstance(error, keep_on)
        if not isinstance(error, OSError) or error.errno not in _FIXABLE:
            raise
        reason = os.strerror(error.errno)
        kept = f"see {partial}" if keep else "nothing was kept of it"
        raise UserError(f"{path} could not be written: {reason}; {kept}") from error
    finally:
        if partial.is_dir():
            shutil.rmtree(partial)
        elif not keep:
            partial.unlink(missing_ok=True)


@contextmanager
def replacing_hdf5(path: Path) -> Iterator[h5py.File]:
    """Yield an HDF5 file in memory; `path` receives it, whole, when the block succeeds.

    Where the disk is full, closing an HDF5 file that lies there crashes Python.
    """
    import h5py

    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        yield file
    with replacing(path) as partial:
        partial.write_bytes(content.getbuffer())


class LastingFile(io.FileIO):
    """A file for h5py to write to, whose writing never fails: `raise_error` says what went wrong.

    HDF5 cannot close a file that the disk has refused, and crashes Python at its end.
    """

    _error: OSError | None = None

    def write(self, data) -> int:
        left = memoryview(data)
        try:
            while left:
                left = left[super().write(left) :]
        except OSError as error:
            self._error = self._error or error
        return len(data)

    def truncate(self, size: int | None = None) -> int:
        try:
            return super().truncate(size)
        except OSError as error:
            self._error = self._error or error
            return size

    def raise_error(self) -> None:
        """Raise the first `OSError` there was, if any."""
        if self._error:
            raise self._error


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let Ctrl-C wait until the block is done."""
    if threading.current_thread() is not threading.main_thread():  # it strikes nowhere else
        yield
        return
    pressed = []
    handler = signal.signal(signal.SIGINT, lambda *_: pressed.append(True))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        if pressed:
            signal.raise_signal(signal.SIGINT)


def check_output_file(path: Path) -> None:
    """Raise `UserError` where `path` cannot become a file, before any work is done for it."""
    if path.is_dir():
        raise UserError(f"{path}: expected a file to write, found a folder; name a file in it")
    check_folder(path.parent)
    if not os.access(path.parent, os.W_OK):
        raise UserError(f"{path.parent}: expected a folder that can be written to; it cannot")


def check_folder(path: Path) -> None:
    """Raise `UserError` unless `path` is a folder that can be read."""
    if not path.exists():
        raise UserError(
            f"{path}: expected a folder, found nothing there; create it or name another"
        )
    if not path.is_dir():
        raise UserError(f"{path}: expected a folder, found a file")
    if not os.access(path, os.R_OK | os.X_OK):
        raise UserError(f"{path}: expected a folder that can be read; its permissions forbid it")
