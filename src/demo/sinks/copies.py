"""Pictures of the results: annotated copies, and crops of the faces."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2

from ...errors import UserError
from ...files import make_folder, replacing
from ...outputs import Output, locked
from ..job import Job
from ..result import Result, Sink
from ..sources.pictures import begins_as_picture, identity


def has_copies(job: Job) -> bool:
    return bool(job.args.output_dir and job.pictures)


def copy_path(folder: Path, name: str) -> Path:
    """The path of the annotated copy of the picture `name`: its own name, or a JPEG if its format
    cannot be written."""
    path = folder / name
    if path.suffix and cv2.haveImageWriter(path.suffix):
        return path
    return path.with_name(f"{path.name}.annotated.jpg")


def copy_outputs(job: Job) -> list[Output]:
    """The folder. Raises `UserError` if a copy would replace a picture of the run, or a file that
    is not a picture."""
    folder = job.args.output_dir
    inputs = {identity(path) for path in job.pictures.values() if path.exists()}
    for name in job.pictures:
        copy = copy_path(folder, name)
        if not copy.exists():
            continue
        if identity(copy) in inputs:
            raise UserError(
                f"--output_dir: expected a folder other than the pictures', as the annotated copy "
                f"would replace {copy}"
            )
        if not is_picture(copy):
            raise UserError(f"--output_dir: expected a picture to replace, {copy} is not one")
    return folder_outputs("--output_dir", folder)


def crop_outputs(job: Job) -> list[Output]:
    return folder_outputs("--crops", job.args.crops)


def folder_outputs(flag: str, folder: Path) -> list[Output]:
    """A folder, if it exists; its files are checked one by one."""
    if not folder.exists():
        return []
    return [Output(flag, folder, "a folder", lambda path: True, folder=True)]


def is_picture(path: Path) -> bool:
    """Whether an existing file has a picture's first bytes, or none."""
    return begins_as_picture(path) or (path.is_file() and not path.stat().st_size)


def write_picture(path: Path, image) -> None:
    """Write `image`, uint8 (H, W, 3), BGR, in the format of the path's suffix, atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _, data = cv2.imencode(path.suffix, image)
    with replacing(path) as partial:
        partial.write_bytes(data)


@contextmanager
def annotated_copies(job: Job) -> Iterator[Sink]:
    """Copies with boxes and labels, in the folder --output_dir."""
    folder = job.args.output_dir
    make_folder("--output_dir", folder)

    def save(result: Result) -> None:
        write_picture(copy_path(folder, result.picture.name), result.annotated)

    with locked(folder, "copies"):
        yield save


@contextmanager
def face_crops(job: Job) -> Iterator[Sink]:
    """The network's crop of every face, as NAME_FACE.png in the folder --crops."""
    folder = job.args.crops
    make_folder("--crops", folder)

    def save(result: Result) -> None:
        for i, face in enumerate(result.faces):
            write_picture(crop_path(folder, result.picture.name, i), face)

    with locked(folder, "crops"):
        yield save


def crop_path(folder: Path, name: str, face: int) -> Path:
    return folder / f"{name}_{face}.png"
