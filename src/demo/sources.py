"""Where the demo's pictures come from: files, a camera, a video."""

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import cv2
import numpy as np

from src.data.detectors import SMALLEST_SHARE
from src.errors import UserError
from src.files import check_folder

EXTENSIONS = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
_FRAMES_A_SECOND = 30.0  # of a stream that does not say


class Picture(NamedTuple):
    """A picture to look for faces in: its name, and uint8 (H, W, 3), BGR.

    time: seconds since the beginning of the video that it is a frame of.
    """

    name: str
    image: np.ndarray
    time: float | None = None


@dataclass(frozen=True)
class Video:
    """Frames in their order, named by number.

    name: what an annotated copy of it is called, without extension.
    rate: frames a second.  size: width and height of a frame in pixels.
    live: whether frames come when they come, and are gone when nobody looks.
    file: where they are read from, if it is a file.
    """

    frames: Generator[Picture]
    name: str
    rate: float
    size: tuple[int, int]
    live: bool
    file: Path | None = None

    @property
    def min_face(self) -> int:
        """The smallest face that is looked for unless told otherwise, in pixels: as in pictures,
        and 80 in large frames, as dlib then need not enlarge them."""
        return min(80, round(max(self.size) * SMALLEST_SHARE))


def folder_pictures(folder: Path, recursive: bool = False) -> dict[str, Path]:
    """The picture files of a folder by name, which is the path within it, in order of the names.

    Raises `UserError` where the folder is missing or has no picture in it.
    """
    check_folder(folder)
    within = folder.rglob("*") if recursive else folder.iterdir()
    found = sorted(path for path in within if path.suffix.lower() in EXTENSIONS)
    if not found:
        raise UserError(
            f"--image_dir: expected pictures ({', '.join(EXTENSIONS)}) in {folder}, found none"
        )
    return {path.relative_to(folder).as_posix(): path for path in found}


def named_pictures(paths: list[Path]) -> dict[str, Path]:
    """Pictures that were named one by one, by the names of their files.

    Raises `UserError` where one is missing, or two have the same name.
    """
    pictures = {}
    for path in paths:
        if not path.is_file():
            raise UserError(f"{path}: expected a picture, found no file; see also --image_dir")
        if path.name in pictures:
            raise UserError(
                f"expected pictures of different names, received {pictures[path.name]} and {path}; "
                "put them into one folder and name it with --image_dir FOLDER --recursive"
            )
        pictures[path.name] = path
    return pictures


def open_camera(index: int = 0) -> Video:
    """The webcam `index`, at 640x480 where it can. Raises `UserError` where it gives no picture."""
    capture = cv2.VideoCapture(index)
    capture.set(cv2.CAP_PROP_FRAME_WIDTH, 640)
    capture.set(cv2.CAP_PROP_FRAME_HEIGHT, 480)
    there, first = capture.read()
    if not there:
        raise UserError(
            f"camera {index}: expected a webcam, none gave a picture; plug one in or try another "
            "--camera INDEX, close the programs that use it, allow access to it (a container or "
            "WSL must be given it), or use --image_dir or --video"
        )
    frames = _read(capture, first, _since_now())
    return Video(frames, f"camera{index}", _rate(capture), first.shape[1::-1], True)


def open_video(source: str) -> Video:
    """A video file or a stream's URL. Raises `UserError` where it gives no picture."""
    is_url = "://" in source
    if not is_url and not Path(source).is_file():
        raise UserError(f"--video: expected a file or a URL, found nothing at {source}")
    capture = cv2.VideoCapture(source)
    there, first = capture.read()
    if not there:
        raise UserError(
            f"--video: expected a video, {source} gave no picture; "
            + ("check the address and the network" if is_url else "is it one, and whole?")
        )
    rate, live = _rate(capture), is_url and capture.get(cv2.CAP_PROP_FRAME_COUNT) <= 0
    frames = _read(capture, first, _since_now() if live else lambda number: number / rate)
    file = None if is_url else Path(source)
    name = Path(urlsplit(source).path).stem if is_url else file.stem
    return Video(frames, name or "video", rate, first.shape[1::-1], live, file)


def _since_now() -> Callable[[int], float]:
    """The time of a frame that is read as it comes."""
    start = time.monotonic()
    return lambda number: time.monotonic() - start


def _rate(capture: cv2.VideoCapture) -> float:
    rate = capture.get(cv2.CAP_PROP_FPS)
    return rate if 0 < rate <= 1000 else _FRAMES_A_SECOND  # some say 0, nan or the clock's rate


def _read(
    capture: cv2.VideoCapture, image: np.ndarray, clock: Callable[[int], float]
) -> Generator[Picture]:
    """The first frame and those after it, until there are no more."""
    number, there = 0, True
    try:
        while there:
            yield Picture(f"frame{number:06d}.jpg", image, clock(number))
            there, image = capture.read()
            number += 1
    finally:
        capture.release()
