"""Paths of pictures in label files."""

import ntpath
import os
import posixpath
import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from ...errors import UserError

_UNUSUAL = re.compile(r"^/|\\|:|\.\.")  # parts of every path that may lead out of a folder


def relative_paths(
    paths: Iterable[str], folder: Path, source: Path, rows: Iterable[int] | None = None
) -> list[str]:
    """Paths of the label file `source`, relative to `folder`, spelled as in the file system.

    Absolute paths inside the folder become relative, backslashes become slashes. If no file has the
    exact name, an existing file with the same name in another Unicode form (NFC, NFD) is used.
    Raises `UserError` with the row, one of `rows` (default: counted from 1), for a path that is
    blank or leads out of the folder.
    """
    spell = cache(lambda path: _spelled(path, folder))
    found = []
    paths = list(paths)
    for row, path in zip(rows or range(1, len(paths) + 1), paths, strict=True):
        relative = _inside(path, folder)
        if not relative or "\0" in relative:
            raise UserError(
                f"{source}: expected a picture inside {folder}, received {path!r} in row {row}, "
                "which leads out of it; correct the path or --data_dir"
                if path and "\0" not in path
                else f"{source}: expected a picture's path, received {path!r} in row {row}"
            )
        plain = relative.isascii() and "\\" not in relative
        found.append(relative if plain else spell(relative))
    return found


def _inside(path: str, folder: Path) -> str | None:
    """`path` relative to `folder`; None if it leads out of it, read as Unix or as Windows would."""
    if not _UNUSUAL.search(path):
        return path
    if os.path.isabs(path):
        for start in (os.path.abspath(folder), os.path.realpath(folder)):
            for whole in (os.path.normpath(path), os.path.realpath(path)):
                if Path(whole).is_relative_to(start) and whole != start:
                    return Path(whole).relative_to(start).as_posix()
        return None
    leads_out = (
        posixpath.isabs(path)
        or bool(ntpath.splitdrive(path)[0])
        or ntpath.isabs(path)
        or posixpath.normpath(path).split("/")[0] == ".."
        or ntpath.normpath(path).split("\\")[0] == ".."
    )
    return None if leads_out else path


def _spelled(path: str, folder: Path) -> str:
    if os.path.exists(folder / path):
        return path
    path = path.replace("\\", "/")
    found = Path()
    for part in Path(path).parts:
        if not os.path.exists(folder / found / part):
            part = _names(folder / found).get(unicodedata.normalize("NFC", part), part)
        found /= part
    return found.as_posix() if os.path.exists(folder / found) else path


@cache
def _names(folder: Path) -> dict[str, str]:
    """Names in a folder by their composed Unicode form."""
    try:
        return {unicodedata.normalize("NFC", name): name for name in os.listdir(folder)}
    except OSError:
        return {}
