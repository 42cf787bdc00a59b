"""Annotated copies of images, and crops of their faces."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from itertools import chain, count
from pathlib import Path

import cv2
import numpy as np

from ...errors import UserError
from ...files import make_folder, replacing
from ...outputs import Output, locked
from ..job import Job
from ..result import Result, Sink
from ..sources.images import begins_as_image, identity


def has_copies(job: Job) -> bool:
    return bool(job.arguments.output_dir and job.images)


def copy_path(folder: Path, name: str) -> Path:
    """The path of the annotated copy of the image `name`: its own name, or a JPEG if its format
    cannot be written in colour."""
    path = folder / name
    return path if _can_write(path.suffix) else path.with_name(f"{path.name}.annotated.jpg")


@cache
def _can_write(suffix: str) -> bool:
    try:
        return bool(suffix) and cv2.imencode(suffix, np.zeros((8, 8, 3), np.uint8))[0]
    except cv2.error:  # no such format, or grey only
        return False


def copy_outputs(job: Job) -> list[Output]:
    """The folder. Raises `UserError` if a copy would replace an image of the run, or a file that
    is not an image."""
    folder = job.arguments.output_dir
    inputs = {identity(path) for path in job.images.values() if path.exists()}
    for name in job.images:
        copy = copy_path(folder, name)
        if not copy.exists():
            continue
        if identity(copy) in inputs:
            raise UserError(
                f"--output_dir: the annotated copy would replace {copy}; name another folder"
            )
        if not is_image(copy):
            raise UserError(f"--output_dir: {copy} would be replaced, and is not an image")
    return folder_outputs("--output_dir", folder)


def crop_outputs(job: Job) -> list[Output]:
    return folder_outputs("--crops", job.arguments.crops)


def folder_outputs(flag: str, folder: Path) -> list[Output]:
    """A folder, if it exists; its files are checked one by one."""
    if not folder.exists():
        return []
    return [Output(flag, folder, "a folder", lambda path: True, folder=True)]


def is_image(path: Path) -> bool:
    """Whether an existing file has an image's first bytes, or none."""
    return begins_as_image(path) or (path.is_file() and not path.stat().st_size)


def free_name(name: str, copies: Iterable[str]) -> str:
    """`name`, with a number if a copy has it: "ages_by_gender-2.png"."""
    taken, path = {copy.casefold() for copy in copies}, Path(name)
    names = chain([name], (f"{path.stem}-{number}{path.suffix}" for number in count(2)))
    return next(free for free in names if free not in taken)


def write_image(path: Path, image: np.ndarray) -> None:
    """Write `image`, uint8 (H, W, 3), BGR, in the format of the path's suffix, atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _, data = cv2.imencode(path.suffix, image)
    with replacing(path) as partial:
        partial.write_bytes(data)


@contextmanager
def annotated_copies(job: Job) -> Iterator[Sink]:
    """Copies with boxes and labels, in the folder --output_dir."""
    folder = job.arguments.output_dir
    make_folder("--output_dir", folder)

    def save(result: Result) -> None:
        write_image(copy_path(folder, result.frame.name), result.annotated)

    with locked(folder, "copies"):
        yield save


@contextmanager
def face_crops(job: Job) -> Iterator[Sink]:
    """The network's crop of every face, as NAME_FACE.png in the folder --crops."""
    folder = job.arguments.crops
    make_folder("--crops", folder)

    def save(result: Result) -> None:
        for number, face in zip(result.numbers, result.crops, strict=True):
            write_image(crop_path(folder, result.frame.name, number), face)

    with locked(folder, "crops"):
        yield save


def crop_path(folder: Path, name: str, number: int) -> Path:
    return folder / f"{name}_{number}.png"
