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
    found = sorted(filter(_is_image, files))
    others = len(files) - len(found)
    if not found:
        deeper = 0 if recursive else sum(map(_is_image, _walk(folder, True, outputs)))
        hint = f"; its subfolders have {deeper:,}: pass --recursive" if deeper else ""
        raise UserError(f"{folder}: no images, {others:,} other files{hint}")
    return {path.relative_to(folder).as_posix(): path for path in found}, others


def _walk(folder: Path, recursive: bool, outputs: tuple[Path, ...]) -> Iterator[Path]:
    seen = {path.resolve() for path in outputs} - {folder.resolve()}
    for path, folders, files in os.walk(folder, followlinks=True):
        if (real := Path(path).resolve()) in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(folders) if recursive else []
        yield from (Path(path, name) for name in files)


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in EXTENSIONS or (
        path.is_file() and cv2.haveImageReader(str(path))  # by the first bytes
    )


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
    if name == "-":
        (downloads / "stdin").write_bytes(sys.stdin.buffer.read())
        return [downloads / "stdin"]
    if re.match(r"https?://", name):
        return [_download(name, downloads)]
    if found := re.match(r"(https?):/", name):
        raise UserError(f"{name}: expected an address, {found[1]}://..., or a file")
    if os.path.isfile(name):
        return [Path(name)]
    if matches := sorted(filter(os.path.isfile, glob.glob(name))):  # cmd.exe does not expand them
        return [Path(match) for match in matches]
    found = "a folder; pass it alone" if os.path.isdir(name) else "no file"
    raise UserError(f"{name}: expected an image, found {found}")


def _download(address: str, folder: Path) -> Path:
    from urllib.request import Request, urlopen

    path = folder / (Path(unquote(urlsplit(address).path)).name or "download")
    request = Request(address, headers={"User-Agent": "demo.py"})
    try:
        with urlopen(request, timeout=_TIMEOUT) as response:
            path.write_bytes(response.read())
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise UserError(f"{address} could not be read: {reason}") from error
    return path
