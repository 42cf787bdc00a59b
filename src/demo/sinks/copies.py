"""Annotated copies of images, and crops of their faces."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from ...files import replacing
from ...outputs import locked
from ..job import Job, Result, Sink


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


def crop_path(folder: Path, name: str, number: int) -> Path:
    return folder / f"{name}_{number}.png"


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
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder, "copies"):
        yield lambda result: write_image(copy_path(folder, result.frame.name), result.annotated)


@contextmanager
def face_crops(job: Job) -> Iterator[Sink]:
    """The network's crop of every face, as NAME_FACE.png in the folder --crops."""
    folder = job.arguments.crops
    folder.mkdir(parents=True, exist_ok=True)

    def save(result: Result) -> None:
        for number, face in zip(result.numbers, result.crops, strict=True):
            write_image(crop_path(folder, result.frame.name, number), face)

    with locked(folder, "crops"):
        yield save
