"""Paths of images in label files."""

import ntpath
import os
import unicodedata
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from ...errors import UserError


def relative_paths(
    paths: Iterable[str],
    folder: Path,
    source: Path,
    rows: Iterable[int] | None = None,
    anywhere: bool = False,
) -> list[str]:
    """Paths of the label file `source`, relative to `folder`, spelled as in the file system.

    Absolute paths inside the folder become relative, backslashes become slashes. If no file has the
    exact name, an existing file with the same name in another Unicode form (NFC, NFD) is used.
    Raises `UserError` with the row, one of `rows` (default: counted from 1), for a path that is
    blank or leads out of the folder; with `anywhere`, such a path becomes absolute.
    """
    found, paths = [], list(paths)
    for row, path in zip(rows or range(1, len(paths) + 1), paths, strict=True):
        relative = _inside(path, folder)
        if not relative and path and anywhere:
            relative = os.path.abspath(folder / path)
        if not relative:
            inside = "" if anywhere else f" inside {folder}"
            raise UserError(
                f"{source}: expected the path of an image{inside}, received {path!r} in row {row}; "
                f"correct the path{'' if anywhere else ' or --data_dir'}"
            )
        plain = relative.isascii() and "\\" not in relative
        found.append(relative if plain else _spelled(relative, folder))
    return found


def _inside(path: str, folder: Path) -> str | None:
    """`path` relative to `folder`; None if it leads out of it, read as Unix or as Windows would."""
    if os.path.isabs(path):
        starts = (os.path.abspath(folder), os.path.realpath(folder))
        for whole in (Path(os.path.normpath(path)), Path(os.path.realpath(path))):
            for start in starts:
                if whole.is_relative_to(start) and whole != Path(start):
                    return whole.relative_to(start).as_posix()
        return None
    drive, rest = ntpath.splitdrive(path)
    leads_out = drive or ntpath.normpath(rest).split("\\")[0] in ("", "..")
    return None if leads_out else path


def _spelled(path: str, folder: Path) -> str:
    if os.path.exists(folder / path):
        return path
    path, found = path.replace("\\", "/"), Path()
    for part in Path(path).parts:
        if not os.path.exists(folder / found / part):
            part = _names(folder / found).get(unicodedata.normalize("NFC", part), part)
        found /= part
    return found.as_posix() if os.path.exists(folder / found) else path


@cache
def _names(folder: Path) -> dict[str, str]:
    """Names in a folder by their composed Unicode form."""
    names = os.listdir(folder) if folder.is_dir() else []
    return {unicodedata.normalize("NFC", name): name for name in names}
