"""Locks and checks of outputs, before anything is written."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from .errors import UserError
from .files import check_output_path


@dataclass(frozen=True)
class Output:
    """A file or folder that a run is about to write.

    flag: the flag that names it.
    kind: noun phrase of its content, such as "a database".
    is_kind: whether an existing file or folder has this content, so that it may be replaced.
    folder: whether it is a folder.
    """

    flag: str
    path: Path
    kind: str
    is_kind: Callable[[Path], bool]
    folder: bool = False


def check_outputs(outputs: Iterable[Output], inputs: Iterable[tuple[str, Path | None]]) -> None:
    """Reject outputs that cannot be written, or that would destroy other data.

    Args:
        outputs: what the run writes. Empty files may be replaced.
        inputs: flags and paths of all files that the run reads; None if not set.

    Raises:
        UserError: An output is an input, has the path of another one, or is an existing file or
            folder of another kind.
    """
    taken = [(flag, path) for flag, path in inputs if path is not None]
    for output in outputs:
        _check_kind(output)
        for flag, path in taken:
            if is_same(output.path, path):
                raise UserError(
                    f"{output.flag}: expected a path of its own, received {output.path}, which "
                    f"{flag} uses; name another"
                )
        taken.append((output.flag, output.path))


def _check_kind(output: Output) -> None:
    flag, path = output.flag, output.path
    if path.exists() and path.is_dir() != output.folder:
        expected, found = ("a folder", "a file") if output.folder else ("a file", "a folder")
        raise UserError(
            f"{flag}: expected {expected} to write, {str(path)!r} is {found}; name another"
        )
    if not path.is_dir():
        check_output_path(path)
    is_empty = path.is_file() and not path.stat().st_size
    if path.exists() and not is_empty and not output.is_kind(path):
        raise UserError(
            f"{flag}: expected {output.kind} to replace, {path} is something else; name another "
            "path, or move it away"
        )


def is_same(path: Path, other: Path) -> bool:
    """Whether two paths name the same file or folder, which may be missing."""
    return os.path.normcase(os.path.realpath(path)) == os.path.normcase(os.path.realpath(other))


def has_mark(*marks: bytes) -> Callable[[Path], bool]:
    """A check that a file has one of `marks` in its first 1024 bytes, for `Output.is_kind`."""

    def is_kind(path: Path) -> bool:
        with path.open("rb") as file:
            start = file.read(1024)
        return any(mark in start for mark in marks)

    return is_kind


@contextmanager
def locked(path: Path, inside: str = "") -> Iterator[None]:
    """Hold the lock of an output, a file or folder at `path`, until the block ends.

    The lock file is `.{name}.lock` next to `path`, or `.{inside}.lock` in an existing folder that
    several kinds of outputs share. The system releases the lock when the process
    dies, and a left-over file locks nothing. Raises `UserError` if another run holds the lock.
    """
    from filelock import FileLock, Timeout

    path = Path(os.path.realpath(path))
    if not inside:
        check_output_path(path)
    lock_file = path / f".{inside}.lock" if inside else path.with_name(f".{path.name}.lock")
    lock = FileLock(lock_file)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise UserError(
            f"{path}: another run is writing to it; wait until it ends, or name another output"
        ) from error
    except OSError as error:
        raise UserError(f"{lock_file}: could not be locked: {error.strerror}") from error
    try:
        yield
    finally:
        with suppress(OSError):  # Windows deletes the file when the lock is released
            lock_file.unlink()
        lock.release()
