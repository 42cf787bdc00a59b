"""Picture files by name or in folders."""

import os
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ...errors import UserError
from ...faces.images import EXTENSIONS, image_kind
from ...files import check_folder

_HEAD = 32  # bytes that identify a picture format


class Listing(NamedTuple):
    """Pictures by name, and a message per group of files left out."""

    pictures: dict[str, Path]
    left_out: list[str]


def folder_pictures(
    folder: Path, recursive: bool = False, outputs: tuple[Path, ...] = ()
) -> Listing:
    """The picture files of a folder by name, their path within it, sorted.

    A picture is recognised by its extension or its first bytes. Linked folders are followed, each
    folder is searched once, and `outputs` are not searched.
    Raises `UserError` if the folder is missing or contains no picture.
    """
    check_folder(folder)
    found, others, notes = [], 0, []
    for within in _folders(folder, recursive, outputs):
        try:
            files = [path for path in within.iterdir() if not os.path.isdir(path)]
        except OSError as error:
            notes.append(f"left out: {within}: {error.strerror}")
            continue
        pictures = [path for path in files if _is_picture(path)]
        others += len(files) - len(pictures)
        found += pictures
    if not found:
        deeper = "" if recursive else "; --recursive searches the folders within"
        raise UserError(
            f"--image_dir: expected pictures in {folder}, found {others:,} other files{deeper}"
        )
    if others:
        notes.append(f"left out: {others:,} files that are not pictures")
    names = {path.relative_to(folder).as_posix(): path for path in sorted(found)}
    return Listing(names, notes)


def named_pictures(paths: list[Path]) -> dict[str, Path]:
    """Pictures by file name.

    Raises `UserError` if one is missing, or two have the same name.
    """
    pictures = {}
    for path in paths:
        if not path.is_file():
            raise UserError(f"{path}: expected a picture, found no file; see also --image_dir")
        if path.name in pictures:
            raise UserError(
                f"expected pictures of different names, received {pictures[path.name]} and {path}; "
                "put them into one folder and pass --image_dir FOLDER --recursive"
            )
        pictures[path.name] = path
    return pictures


def _folders(folder: Path, recursive: bool, outputs: tuple[Path, ...]) -> Iterator[Path]:
    """`folder` and, if `recursive`, the folders within: real ones before linked ones."""
    seen = {identity(path) for path in outputs if path.is_dir()} - {identity(folder)}
    real, linked = deque([folder]), deque()
    while real or linked:
        current = (real or linked).popleft()
        found = identity(current)
        if found in seen:
            continue
        seen.add(found)
        yield current
        if not recursive or not os.access(current, os.R_OK | os.X_OK):
            continue
        for path in sorted(current.iterdir()):
            if os.path.isdir(path):
                (linked if path.is_symlink() else real).append(path)


def identity(path: Path) -> tuple[int, int]:
    """Device and inode of an existing file or folder."""
    status = path.stat()
    return status.st_dev, status.st_ino


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in EXTENSIONS or begins_as_picture(path)


def begins_as_picture(path: Path) -> bool:
    """Whether a file has the first bytes of a picture."""
    if not path.is_file():  # opening a FIFO or a device may block
        return False
    try:
        with path.open("rb") as file:
            return image_kind(file.read(_HEAD)) is not None
    except OSError:
        return False
