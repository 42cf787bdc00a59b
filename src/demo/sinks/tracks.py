"""A summary of a video: one row and one picture per track."""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import UserError
from ...faces.images import crop_with_margin, shrink
from ...files import make_folder, replacing
from ...labels import GENDERS
from ...outputs import Output, begins_with
from ..job import Job
from ..result import Result, Sink
from .copies import is_picture, write_picture
from .records import Record, records

COLUMNS = "track,from,to,frames,age,age_low,age_high,gender,p_female,picture".split(",")
_SIDE = 256  # maximum of a track's picture, in pixels
_MARGIN = 0.4  # around the face, as a fraction of its box


@dataclass
class _Track:
    """first, last: seconds.  record, gender: of the last frame, smoothed along the track.
    picture: uint8 BGR, the track's largest face, of `width` pixels."""

    first: float
    last: float
    record: Record
    gender: int
    frames: int = 0
    width: int = 0
    picture: np.ndarray | None = None


def track_paths(job: Job) -> tuple[Path, Path]:
    folder = job.args.output_dir
    return folder / f"{job.video.name}.tracks.csv", folder / f"{job.video.name}.tracks"


def track_outputs(job: Job) -> list[Output]:
    table, folder = track_paths(job)
    is_ours = begins_with(",".join(COLUMNS).encode())
    if not table.parent.is_dir():
        return []
    if folder.exists() and not all(map(is_picture, folder.iterdir())):
        raise UserError(f"--output_dir: expected a folder of pictures, {folder} has other files")
    return [Output("--output_dir", table, "a table of tracks", is_ours)]


@contextmanager
def track_summary(job: Job) -> Iterator[Sink]:
    """NAME.tracks.csv in --output_dir, and NAME.tracks with a picture of each track, unless
    --anonymize is set."""
    tracks: dict[int, _Track] = {}

    def add(result: Result) -> None:
        for number, box, record, gender in zip(
            result.tracks, result.boxes, records(result), result.estimates.gender, strict=False
        ):
            time = result.picture.time
            track = tracks.setdefault(number, _Track(time, time, record, gender))
            track.last, track.record, track.gender = time, record, gender
            track.frames += 1
            if box.right - box.left > track.width:
                track.width = box.right - box.left
                face = crop_with_margin(result.picture.image, box, _MARGIN)
                track.picture = shrink(face, _SIDE) if face.size else None

    yield add
    _write(job, tracks)


def _write(job: Job, tracks: dict[int, _Track]) -> None:
    table, folder = track_paths(job)
    make_folder("--output_dir", table.parent)
    with replacing(table) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for number, track in sorted(tracks.items()):
            age, p_female = track.record["age"], track.record["p_female"]
            interval = track.record["age_low"], track.record["age_high"]
            picture = "" if job.args.anonymize else f"{folder.name}/{number}.jpg"
            times = f"{track.first:.3f}", f"{track.last:.3f}", track.frames
            estimate = f"{age:.2f}", *interval, GENDERS[track.gender], f"{p_female:.4f}"
            writer.writerow([number, *times, *estimate, picture])
            if picture and track.picture is not None:
                write_picture(table.parent / picture, track.picture)
