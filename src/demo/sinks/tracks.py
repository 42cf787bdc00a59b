"""A summary of a video: one row and one image per track."""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...faces.images import crop_with_margin, shrink
from ...files import replacing
from ..job import Job
from ..result import Result, Sink
from ..wording import Wording
from .copies import write_image
from .records import Record, records

COLUMNS = "track,from,to,frames,age,age_low,age_high,gender,p_female,picture".split(",")
_SIDE = 256  # maximum of a track's image, in pixels
_MARGIN = 0.4  # around the face, as a fraction of its box


@dataclass
class Track:
    """A face of a video.

    first, last: seconds.  frames: number of frames that show it.
    record, words: of the last frame, smoothed along the track.
    image: uint8 BGR, the track's largest face, of `width` pixels.
    """

    track_id: int
    first: float
    last: float = 0.0
    frames: int = 0
    record: Record | None = None
    words: Wording | None = None
    width: int = 0
    image: np.ndarray | None = None


class Tracks:
    """A sink that collects the tracks of a video."""

    def __init__(self) -> None:
        self._tracks: dict[int, Track] = {}

    def __call__(self, result: Result) -> None:
        time = result.frame.time
        found = zip(result.numbers, result.boxes, result.words, records(result), strict=False)
        for track_id, box, words, record in found:
            track = self._tracks.setdefault(track_id, Track(track_id, time))
            track.last, track.words, track.record = time, words, record
            track.frames += 1
            part = crop_with_margin(result.frame.image, box, _MARGIN)
            if part.size and box.right - box.left > track.width:
                track.width, track.image = box.right - box.left, shrink(part, _SIDE)

    def by_duration(self) -> list[Track]:
        """The tracks, the longest first."""
        return sorted(self._tracks.values(), key=lambda track: track.first - track.last)


def track_paths(job: Job) -> tuple[Path, Path]:
    """The table of tracks, and the folder of their images."""
    folder = job.arguments.output_dir
    return folder / f"{job.video.name}.tracks.csv", folder / f"{job.video.name}.tracks"


@contextmanager
def track_summary(job: Job) -> Iterator[Sink]:
    """NAME.tracks.csv in --output_dir, and NAME.tracks with an image of each track, unless
    --anonymize is set; those of an earlier run are deleted."""
    tracks = Tracks()
    yield tracks
    table, folder = track_paths(job)
    table.parent.mkdir(parents=True, exist_ok=True)
    for earlier in folder.glob("*.jpg"):
        earlier.unlink()
    with replacing(table) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for track in tracks.by_duration():
            image = f"{folder.name}/{track.track_id}.jpg"
            if job.arguments.anonymize or track.image is None:
                image = ""
            else:
                write_image(table.parent / image, track.image)
            writer.writerow(_row(track, image))


def _row(track: Track, image: str) -> list[str | int]:
    record, times = track.record, (f"{track.first:.3f}", f"{track.last:.3f}", track.frames)
    age = f"{record['age']:.2f}", record["age_low"], record["age_high"]
    return [track.track_id, *times, *age, track.words.gender, f"{record['p_female']:.4f}", image]
