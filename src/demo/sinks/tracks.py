"""Tracks of a video: a table and an image per track."""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...estimation.estimator import FaceEstimate
from ...faces.images import crop_with_margin, shrink
from ...files import replacing
from ..job import Job, Result
from ..wording import Wording
from .copies import write_image
from .summary import print_hints, print_table

COLUMNS = "track,from,to,frames,age,age_low,age_high,gender,p_female,picture".split(",")
_SIDE = 256  # maximum of a track's image, in pixels
_MARGIN = 0.4  # around the face, as a fraction of its box


@dataclass
class Track:
    """A face of a video.

    first, last: seconds.  frames: number of frames that show it.
    face, words: of the last frame, smoothed along the track.
    image: uint8 BGR, the track's largest face, of `width` pixels.
    """

    track_id: int
    first: float
    last: float = 0.0
    frames: int = 0
    face: FaceEstimate | None = None
    words: Wording | None = None
    width: int = 0
    image: np.ndarray | None = None

    @property
    def row(self) -> dict[str, str | int]:
        """Cells of a table by their headers."""
        times = {"from (s)": f"{self.first:.1f}", "to (s)": f"{self.last:.1f}"}
        return {"track": self.track_id} | times | self.words.cells


class Tracks:
    """A sink that collects the tracks of a video.

    frames: number of results.  skipped: number of faces that are not shown.
    """

    def __init__(self) -> None:
        self.frames = self.skipped = 0
        self._tracks: dict[int, Track] = {}

    def __call__(self, result: Result) -> None:
        self.frames, self.skipped = self.frames + 1, result.skipped
        time = result.frame.time
        for track_id, face, words in zip(result.numbers, result.faces, result.words, strict=True):
            track = self._tracks.setdefault(track_id, Track(track_id, time))
            track.last, track.face, track.words = time, face, words
            track.frames += 1
            width = face.box.right - face.box.left
            part = crop_with_margin(result.frame.image, face.box, _MARGIN)
            if part.size and width > track.width:
                track.width, track.image = width, shrink(part, _SIDE)

    def by_duration(self) -> list[Track]:
        """The tracks, the longest first."""
        return sorted(self._tracks.values(), key=lambda track: track.first - track.last)


def track_paths(job: Job) -> tuple[Path, Path]:
    """The table of tracks, and the folder of their images."""
    folder = job.arguments.output_dir
    return folder / f"{job.video.name}.tracks.csv", folder / f"{job.video.name}.tracks"


@contextmanager
def track_summary(job: Job) -> Iterator[Tracks]:
    """NAME.tracks.csv and images in --output_dir; at the end, also after Ctrl-C, a printed table
    and the number of faces that are not shown."""
    tracks = Tracks()
    try:
        yield tracks
        if job.arguments.output_dir:
            _write(job, tracks.by_duration())
    finally:
        rows = [track.row for track in tracks.by_duration()]
        print_table(job, rows, f"{len(rows):,} tracks in {tracks.frames:,} frames")
        is_live = job.video.live or not tracks.frames
        print_hints(job, bool(rows or is_live), tracks.skipped, "brief or unclear")


def _write(job: Job, tracks: list[Track]) -> None:
    """Write NAME.tracks.csv, and NAME.tracks with an image of each track, unless --anonymize is
    set; images of an earlier run are deleted."""
    table, folder = track_paths(job)
    for earlier in folder.glob("*.jpg"):
        earlier.unlink()
    with replacing(table) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for track in tracks:
            face, image = track.face, ""
            if track.image is not None and not job.arguments.anonymize:
                image = f"{folder.name}/{track.track_id}.jpg"
                write_image(table.parent / image, track.image)
            times = f"{track.first:.3f}", f"{track.last:.3f}", track.frames
            age = f"{face.age:.2f}", face.age_low, face.age_high
            gender = face.gender, f"{face.p_female:.4f}"
            writer.writerow([track.track_id, *times, *age, *gender, image])
