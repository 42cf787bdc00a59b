"""Atomic writes, and checks of files and folders."""

from __future__ import annotations

import errno
import io
import os
import shutil
import signal
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import MissingFileError, UserError

if TYPE_CHECKING:
    import h5py

Errors = type[BaseException] | tuple[type[BaseException], ...]

# Errors that users can fix: no space, quota, file too large, no permission, read-only.
_FIXABLE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EPERM, errno.EROFS}
_KINDS = {
    stat.S_IFREG: "a file",
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def partial_of(path: Path) -> Path:
    """Name of the partial file of `replacing`; the suffix is kept, as some writers need it."""
    return path.with_name(f".{path.stem}.partial{path.suffix}")


@contextmanager
def replacing(path: Path, keep_on: Errors = (), resume: bool = False) -> Iterator[Path]:
    """Yield a path next to `path` for writing; it replaces `path` when the block succeeds.

    The path may become a file or a folder. If the block fails, `path` is unchanged and the partial
    file is deleted, unless the error is one of `keep_on`.
    resume: continue the partial file of an earlier run, which is deleted otherwise.
    Raises `UserError` as `wrap_write_errors` does.
    """
    with wrap_write_errors(path), atomic(path, keep_on, resume) as partial:
        yield partial


@contextmanager
def wrap_write_errors(path: Path) -> Iterator[None]:
    """Raise `UserError`, naming the output, for errors of the system that users can fix, such as a
    full disk."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FIXABLE:
            raise
        partial, reason = partial_of(path), os.strerror(error.errno)
        is_kept = partial.exists()
        kept = f"{partial} is kept for --resume" if is_kept else "the partial file was deleted"
        raise UserError(f"{path} could not be written: {reason}; {kept}") from error


@contextmanager
def atomic(path: Path, keep_on: Errors = (), resume: bool = False) -> Iterator[Path]:
    """As `replacing`, but without conversion of `OSError` to `UserError`.

    Unless `resume`, a `UserError` of the block names `path` instead of the partial file.
    """
    partial, old = partial_of(path), _old_of(path)
    if old.is_dir() and not path.exists():  # killed within `_replace`
        old.rename(path)
    if not resume:
        remove(partial)
    keep = False
    try:
        yield partial
        _replace(partial, path)
    except BaseException as error:
        keep = isinstance(error, keep_on)
        if isinstance(error, UserError) and not resume:  # else the partial file is an input
            raise UserError(str(error).replace(str(partial), str(path))) from error
        raise
    finally:
        if not keep:
            remove(partial)


def _replace(partial: Path, path: Path) -> None:
    if not partial.is_dir():
        os.replace(partial, path)
        return
    old = _old_of(path)
    if path.is_dir():  # a folder cannot be replaced in one step
        remove(old)
        path.rename(old)
    os.replace(partial, path)
    remove(old)


def _old_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.old")


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
def defer_sigint() -> Iterator[None]:
    """Defer Ctrl-C until the block ends."""
    if threading.current_thread() is not threading.main_thread():  # never interrupted
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


def file_kind(path: Path | str) -> str:
    """ "a file", "a folder", "a FIFO", "a device", "a socket" or "nothing"; links are followed.

    Raises `UserError` for an invalid path, such as a loop of links or a name that is too long.
    """
    return _kind_and_size(path)[0]


def _kind_and_size(path: Path | str) -> tuple[str, int]:
    """The kind of a file, see `file_kind`, and its size in bytes."""
    try:
        status = os.stat(path)
        return _KINDS.get(stat.S_IFMT(status.st_mode), "a special file"), status.st_size
    except (FileNotFoundError, NotADirectoryError):
        return "nothing", 0
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{path!s:.200}: expected a valid path: {reason}") from error


def check_input_file(path: Path | str, expected: str, max_bytes: int | None = None) -> None:
    """Raise `UserError` unless `path` is a readable regular file of at most `max_bytes`.

    expected: noun phrase for the message, such as "a database". Devices, FIFOs and sockets are
    rejected without opening them, as reading one may never end; links are followed.
    """
    _check_kind_and_size(path, expected, max_bytes)
    if not os.access(path, os.R_OK):
        raise UserError(f"{path}: expected {expected} that can be read; its permissions forbid it")


def _check_kind_and_size(path: Path | str, expected: str, max_bytes: int | None) -> None:
    found, size = _kind_and_size(path)
    if found != "a file":
        error = MissingFileError if found == "nothing" else UserError
        found = found.replace("nothing", "none")
        raise error(f"{path}: expected {expected}, found {found}; check the path")
    if max_bytes is not None and size > max_bytes:
        raise UserError(
            f"{path}: expected {expected} of at most {max_bytes:,} bytes, received {size:,}"
        )


def read_input_file(path: Path | str, expected: str, max_bytes: int) -> bytes:
    """Content of a regular file of at most `max_bytes`; see `check_input_file`."""
    _check_kind_and_size(path, expected, max_bytes)
    try:
        with open(path, "rb") as file:
            # Files of /proc have no size and may be endless. A limit is memory to allocate.
            has_size = os.fstat(file.fileno()).st_size > 0
            content = file.read(-1 if has_size else max_bytes + 1)
    except OSError as error:
        raise UserError(f"{path}: expected {expected}; it cannot be read: {error}") from error
    if len(content) > max_bytes:
        raise UserError(f"{path}: expected {expected} of at most {max_bytes:,} bytes")
    return content


@contextmanager
def wrap_read_errors(path: Path, expected: str) -> Iterator[None]:
    """Raise `UserError`, naming the file, for any exception of a library in the block."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise UserError(f"{path}: expected {expected}; it cannot be read: {reason:.300}") from error


def check_output_place(path: Path) -> None:
    """Raise `UserError` unless a file or folder can be created at `path`."""
    if not path.name or path.name == "..":
        raise UserError(f"{str(path)!r}: expected the name of an output; name another")
    file_kind(partial_of(path))  # raises if the partial file's name would be too long
    check_folder(path.parent)
    if not os.access(path.parent, os.W_OK):
        raise UserError(f"{path.parent}: expected a folder that can be written to; it cannot")


def check_folder(path: Path) -> None:
    """Raise `UserError` unless `path` is a folder that can be read."""
    found = file_kind(path)
    if found == "nothing":
        raise UserError(
            f"{path}: expected a folder, found nothing there; create it or name another"
        )
    if found != "a folder":
        raise UserError(f"{path}: expected a folder, found {found}")
    if not os.access(path, os.R_OK | os.X_OK):
        raise UserError(f"{path}: expected a folder that can be read; its permissions forbid it")


def make_folder(flag: str, folder: Path) -> None:
    """Create `folder` if it is missing. Raises `UserError` if that fails."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"{flag}: expected a folder, {folder} could not be made: {error.strerror}"
        ) from error


def size_of(path: Path) -> int:
    """Size of a file, or of all files in a folder, in bytes."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())
