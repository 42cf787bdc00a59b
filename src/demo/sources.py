"""Where the demo's pictures come from."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from src.data.images import ImageError, read_image
from src.errors import UserError
from src.files import check_folder

EXTENSIONS = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")


class Picture(NamedTuple):
    """A picture to look for faces in: its name, and uint8 (H, W, 3), BGR."""

    name: str
    image: np.ndarray


def folder_pictures(folder: Path) -> Iterator[Picture]:
    """The pictures of a folder, by name; those that cannot be read are reported on stderr.

    Raises `UserError`, when called, where the folder is missing or has no picture in it.
    """
    check_folder(folder)
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in EXTENSIONS)
    if not paths:
        raise UserError(
            f"--image_dir: expected pictures ({', '.join(EXTENSIONS)}) in {folder}, found none"
        )
    return _read(paths)


def _read(paths: list[Path]) -> Iterator[Picture]:
    for path in paths:
        try:
            yield Picture(path.name, read_image(path))
        except (ImageError, FileNotFoundError) as error:
            print(f"left out: {error}", file=sys.stderr)


def camera_pictures(index: int = 0) -> Iterator[Picture]:
    """The frames of a camera, for as long as it gives any, named by number.

    Raises `UserError`, when called, where the camera cannot be opened.
    """
    camera = cv2.VideoCapture(index)
    if not camera.isOpened():
        raise UserError(
            f"camera {index}: expected a webcam, none could be opened; plug one in, close the "
            "programs that use it, allow access to it (a container or WSL must be given it), or "
            "name a folder of pictures with --image_dir"
        )
    camera.set(cv2.CAP_PROP_FRAME_WIDTH, 640)
    camera.set(cv2.CAP_PROP_FRAME_HEIGHT, 480)
    return _capture(camera)


def _capture(camera: cv2.VideoCapture) -> Iterator[Picture]:
    number = 0
    try:
        while True:
            there, image = camera.read()
            if not there:
                return
            yield Picture(f"frame{number:06d}.jpg", image)
            number += 1
    finally:
        camera.release()
