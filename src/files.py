"""Atomic writes, and checks of files and folders."""

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

from .errors import UserError

if TYPE_CHECKING:
    import h5py

# Errors that users can fix: no space, quota, file too large, no permission, read-only.
_FIXABLE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EPERM, errno.EROFS}


def partial_of(path: Path) -> Path:
    """Name of the partial file of `replacing`; the suffix is kept, as some writers need it."""
    return path.with_name(f".{path.stem}.partial{path.suffix}")


@contextmanager
def replacing(path: Path, keep: bool = False) -> Iterator[Path]:
    """Yield a path next to `path` for writing; it replaces `path` when the block succeeds.

    The path may become a file or a folder. If the block fails, `path` is unchanged and the partial
    file is deleted.

    Args:
        path: output.
        keep: keep the partial file if the block fails, and continue the one of an earlier run.

    Raises:
        UserError: As of `wrap_write_errors`.
    """
    with wrap_write_errors(path), atomic(path, keep) as partial:
        yield partial


@contextmanager
def wrap_write_errors(path: Path, partial: Path | None = None) -> Iterator[None]:
    """Raise `UserError`, naming the output, for errors of the system that users can fix, such as a
    full disk.

    partial: file that --resume continues (default: `partial_of(path)`).
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _FIXABLE:
            raise
        partial, reason = partial or partial_of(path), os.strerror(error.errno)
        kept = f"; {partial} is kept for --resume" if partial.exists() else ""
        raise UserError(f"{path} could not be written: {reason}{kept}") from error


@contextmanager
def atomic(path: Path, keep: bool = False) -> Iterator[Path]:
    """As `replacing`, but without conversion of `OSError` to `UserError`."""
    partial = partial_of(path)
    if not keep:
        remove(partial)
    try:
        yield partial
        with defer_sigint():
            if partial.is_dir():
                remove(path)  # a folder cannot be replaced in one step
            os.replace(partial, path)
    finally:
        if not keep:
            remove(partial)


def remove(path: Path) -> None:
    """Delete a file or a folder, if there is one."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def replacing_hdf5(path: Path) -> Iterator[h5py.File]:
    """Yield an HDF5 file in memory, written to `path` atomically when the block succeeds.

    If the disk is full, closing an HDF5 file on it crashes Python.
    """
    import h5py

    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        yield file
    with replacing(path) as partial:
        partial.write_bytes(content.getbuffer())


@contextmanager
def defer_sigint() -> Iterator[list[bool]]:
    """Defer Ctrl-C until the block ends. Yields a list that is empty until it is pressed; who
    clears it takes over."""
    pressed = []
    if threading.current_thread() is not threading.main_thread():  # never interrupted
        yield pressed
        return
    handler = signal.signal(signal.SIGINT, lambda *_: pressed.append(True))
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, handler)
        if pressed:
            signal.raise_signal(signal.SIGINT)


def check_input_file(path: Path | str, expected: str) -> None:
    """Raise `UserError` unless `path` is a file; expected: "a database", for the message."""
    if not os.path.isfile(path):
        found = "a folder" if os.path.isdir(path) else "none"
        raise UserError(f"{path}: expected {expected}, found {found}; check the path")


@contextmanager
def wrap_read_errors(path: Path | str, expected: str) -> Iterator[None]:
    """Raise `UserError`, naming the file, for any exception of a library in the block."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise UserError(f"{path}: expected {expected}; it cannot be read: {reason:.300}") from error


def check_output_path(path: Path) -> None:
    """Raise `UserError` unless a file or folder can be created at `path`."""
    if not path.name or path.name == "..":
        raise UserError(f"{str(path)!r}: expected the name of an output; name another")
    check_folder(path.parent)
    if not os.access(path.parent, os.W_OK):
        raise UserError(f"{path.parent}: expected a folder that can be written to; it cannot")


def check_folder(path: Path) -> None:
    """Raise `UserError` unless `path` is a folder."""
    if not path.is_dir():
        found = "a file" if path.exists() else "nothing there"
        raise UserError(f"{path}: expected a folder, found {found}; create it or name another")
