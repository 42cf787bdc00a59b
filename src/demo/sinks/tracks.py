"""A summary of a video: one row and one picture per track."""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from src.demo.job import Job
from src.demo.result import Result, Sink
from src.demo.sinks.copies import is_picture, write_picture
from src.errors import UserError
from src.faces.images import crop_with_margin, shrink
from src.files import make_folder, replacing
from src.labels import GENDERS
from src.outputs import Output, begins_with

COLUMNS = "track,from,to,frames,age,age_low,age_high,gender,p_female,picture".split(",")
_SIDE = 256  # maximum of a track's picture, in pixels
_MARGIN = 0.4  # around the face, as a fraction of its box


@dataclass
class _Track:
    """from_, to: seconds.  estimate: the last one, smoothed along the track.
    picture: uint8 BGR, the track's largest face."""

    first: float
    last: float
    frames: int
    estimate: tuple[float, int, int, int, float]
    width: int
    picture: np.ndarray


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
        for i, number in enumerate(result.tracks):
            _update(tracks, number, result, i)

    yield add
    _write(job, tracks)


def _update(tracks: dict[int, _Track], number: int, result: Result, i: int) -> None:
    all_faces, box, time = result.estimates, result.boxes[i], result.picture.time
    estimate = tuple(
        column[i].item()
        for column in (
            *(all_faces.age, all_faces.age_low, all_faces.age_high),
            *(all_faces.gender, all_faces.p_female),
        )
    )
    width = box.right - box.left
    track = tracks.setdefault(number, _Track(time, time, 0, estimate, 0, np.empty(0)))
    track.last, track.frames, track.estimate = time, track.frames + 1, estimate
    if width > track.width:
        track.width = width
        face = crop_with_margin(result.picture.image, box, _MARGIN)
        track.picture = shrink(face, _SIDE) if face.size else face


def _write(job: Job, tracks: dict[int, _Track]) -> None:
    table, folder = track_paths(job)
    make_folder("--output_dir", table.parent)
    with replacing(table) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for number, track in sorted(tracks.items()):
            age, low, high, gender, p_female = track.estimate
            picture = "" if job.args.anonymize else f"{folder.name}/{number}.jpg"
            times = f"{track.first:.3f}", f"{track.last:.3f}", track.frames
            estimate = f"{age:.2f}", low, high, GENDERS[gender], f"{p_female:.4f}"
            writer.writerow([number, *times, *estimate, picture])
            if picture and track.picture.size:
                write_picture(table.parent / picture, track.picture)
