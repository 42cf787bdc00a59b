"""Image files by name, in folders, by address and from standard input."""

import glob
import os
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import cv2

from ...errors import UserError
from ...faces.images import EXTENSIONS
from ...files import check_folder

_TIMEOUT = 30  # seconds without data from an address
_MAX_BYTES = 2**28  # of a download


def folder_images(
    folder: Path, recursive: bool = False, outputs: tuple[Path, ...] = ()
) -> tuple[dict[str, Path], int]:
    """The image files of a folder by name, their path within it, sorted; the number of other files.

    An image is recognised by its extension or its first bytes. Linked folders are followed, each
    folder is searched once, and `outputs` are not searched.
    Raises `UserError` if the folder is missing or contains no image.
    """
    check_folder(folder)
    files = list(_walk(folder, recursive, outputs))
    found = [path for path in files if _is_image(path)]
    others = len(files) - len(found)
    if not found:
        deeper = 0 if recursive else sum(map(_is_image, _walk(folder, True, outputs)))
        hint = f"; its subfolders have {deeper:,}: pass --recursive" if deeper else ""
        raise UserError(f"{folder}: no images, {others:,} other files{hint}")
    return {path.relative_to(folder).as_posix(): path for path in sorted(found)}, others


def _walk(folder: Path, recursive: bool, outputs: tuple[Path, ...]) -> Iterator[Path]:
    """The files of a folder and, if `recursive`, of the folders within, each once, without those
    of `outputs`."""
    seen = {path.resolve() for path in outputs} - {folder.resolve()}
    for path, folders, files in os.walk(folder, followlinks=True):
        real = Path(path).resolve()
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders.sort(key=lambda name: (os.path.islink(os.path.join(path, name)), name))
        folders[:] = folders if recursive else []
        yield from (Path(path, name) for name in files)


def named_images(names: Iterable[str], downloads: Path) -> dict[str, Path]:
    """Images by file name.

    names: paths, patterns such as *.jpg, addresses, or - for standard input.
    downloads: folder for images that are no files.
    Raises `UserError` if one is missing, or two have the same name.
    """
    images: dict[str, Path] = {}
    for path in (path for name in names for path in _files(name, downloads)):
        if path.name in images:
            raise UserError(
                f"two images have the same name, {images[path.name]} and {path}; put them into one "
                "folder and pass --image_dir FOLDER --recursive"
            )
        images[path.name] = path
    return images


def _files(name: str, downloads: Path) -> list[Path]:
    path = Path(name)
    if name == "-":
        return [_saved(sys.stdin.buffer.read(), downloads / "stdin")]
    if re.match(r"https?://", name):
        return [_download(name, downloads)]
    if found := re.match(r"(https?):/", name):
        raise UserError(f"{name}: expected an address, {found[1]}://..., or a file")
    if path.is_file():
        return [path]
    if path.is_dir():
        raise UserError(f"{name} is a folder; pass one folder and no other images")
    if matches := sorted(glob.glob(name)):  # cmd.exe does not expand patterns
        return [Path(match) for match in matches if not os.path.isdir(match)]
    raise UserError(f"{name}: expected an image, found no file; see also --image_dir")


def _download(address: str, folder: Path) -> Path:
    from urllib.request import Request, urlopen

    request = Request(address, headers={"User-Agent": "demo.py"})
    try:
        with urlopen(request, timeout=_TIMEOUT) as response:
            content = response.read(_MAX_BYTES)
    except (OSError, ValueError) as error:
        raise UserError(
            f"{address} could not be read: {getattr(error, 'reason', error)}"
        ) from error
    return _saved(content, folder / (Path(unquote(urlsplit(address).path)).name or "download"))


def _saved(content: bytes, path: Path) -> Path:
    path.write_bytes(content)
    return path


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in EXTENSIONS or (
        path.is_file() and cv2.haveImageReader(str(path))  # by the first bytes
    )
