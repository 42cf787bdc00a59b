"""Paths of images in label files."""

import ntpath
import os
import unicodedata
from collections.abc import Iterable
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

    Absolute paths inside the folder become relative; backslashes and another Unicode form (NFC,
    NFD) are replaced unless a file has that name. Raises `UserError` with the row, one of `rows`
    (default: counted from 1), for a path that is blank or leads out of the folder; with `anywhere`,
    such a path becomes absolute.
    """
    found, paths = [], list(paths)
    for row, path in zip(rows or range(1, len(paths) + 1), paths, strict=True):
        inside = _inside(path, folder)
        if not inside and path and anywhere:
            inside = os.path.abspath(folder / path)
        if not inside:
            where = ("", "") if anywhere else (f" inside {folder}", " or --data_dir")
            raise UserError(
                f"{source}: expected the path of an image{where[0]}, received {path!r} in row "
                f"{row}; correct the path{where[1]}"
            )
        plain = inside.isascii() and "\\" not in inside
        found.append(inside if plain else _spelled(inside, folder))
    return found


def _inside(path: str, folder: Path) -> str | None:
    """`path` relative to `folder`; None if it leads out of it, read as Unix or as Windows would."""
    if os.path.isabs(path):
        for resolve in (os.path.abspath, os.path.realpath):
            relative = os.path.relpath(resolve(path), resolve(folder))
            if relative.split(os.sep)[0] not in ("..", "."):
                return Path(relative).as_posix()
        return None
    drive, rest = ntpath.splitdrive(path)
    return None if drive or ntpath.normpath(rest).split("\\")[0] in ("", "..", ".") else path


def _spelled(path: str, folder: Path) -> str:
    slashes = path.replace("\\", "/")
    forms = [unicodedata.normalize(form, slashes) for form in ("NFC", "NFD")]
    existing = (text for text in (path, slashes, *forms) if os.path.exists(folder / text))
    return next(existing, slashes)
