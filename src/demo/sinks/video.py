"""Annotated copies of videos, and their tracks: a table and an image per track."""

import csv
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from ...estimation.estimator import FaceEstimate
from ...faces.images import crop_with_margin
from ...files import defer_sigint, replacing
from ...outputs import locked
from ...thumbnails import shrink
from ..job import Job, Result, Sink, Video
from ..overlay import Wording
from .console import print_hints, print_table
from .images import write_image

_TIME_BASE = Fraction(1, 90_000)  # seconds, as in MPEG
_SOUND_RATE = 48_000  # samples per second
COLUMNS = "track,from,to,frames,age,age_low,age_high,gender,p_female,picture".split(",")
_SIDE = 256  # maximum of a track's image, in pixels
_MARGIN = 0.4  # around the face, as a fraction of its box


def video_path(job: Job) -> Path:
    return job.arguments.output_dir / f"{job.video.name}.mp4"


@contextmanager
def annotated_video(job: Job) -> Iterator[Sink]:
    """NAME.mp4 in --output_dir, with boxes, labels, sound and the frames' own times.

    Raises `UserError` if it cannot be written; a full disk leaves no file.
    """
    copy = video_path(job)
    copy.parent.mkdir(parents=True, exist_ok=True)
    with locked(copy), replacing(copy.resolve()) as partial:
        with closing(VideoWriter(partial, job.video)) as writer:

            def write(result: Result) -> None:
                with defer_sigint():  # a packet that is lost breaks the file
                    writer.write(result.annotated, result.frame.time)

            yield write


class VideoWriter:
    """H.264 in MP4, with the frames' own times and the sound of a video's file."""

    def __init__(self, path: Path, video: Video):
        self._size = tuple(side + side % 2 for side in video.size)  # H.264 takes even sides
        # The index comes first, so that browsers show the file while it loads.
        self._file = av.open(str(path), "w", options={"movflags": "faststart"})
        rate = Fraction(video.rate).limit_denominator(1001)
        self._stream = self._file.add_stream("libx264", rate=rate)
        self._stream.width, self._stream.height = self._size
        self._stream.pix_fmt = "yuv420p"
        self._stream.codec_context.time_base = _TIME_BASE
        self._stream.options = {"preset": "superfast", "crf": "20", "bf": "0"}
        self._last, self._step = -1, 1 / video.rate
        self._sound, self._parts, self._heard = None, iter(()), 0.0
        source = av.open(str(video.file.resolve())) if video.file else None
        if source and source.streams.audio:
            self._sound = self._file.add_stream("aac", rate=_SOUND_RATE, layout="stereo")
            self._parts = _sound_of(source, video.start)

    def write(self, image: np.ndarray, time: float) -> None:
        """Add a frame, uint8 (H, W, 3), BGR, at `time` in seconds, later than those before."""
        height, width = image.shape[:2]
        if (width, height) != self._size:
            image = cv2.copyMakeBorder(
                image, 0, self._size[1] - height, 0, self._size[0] - width, cv2.BORDER_REPLICATE
            )
        yuv = cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420)  # faster than by PyAV
        frame = av.VideoFrame.from_ndarray(yuv, format="yuv420p")
        frame.pts = self._last = max(round(time / _TIME_BASE), self._last + 1)
        frame.time_base = _TIME_BASE
        self._file.mux(self._stream.encode(frame))
        self._write_sound(time)

    def _write_sound(self, end: float) -> None:
        """Add the sound up to `end`, in seconds since the first image."""
        while self._heard <= end and (part := next(self._parts, None)):
            self._file.mux(self._sound.encode(part))
            self._heard = part.time + part.samples / _SOUND_RATE

    def close(self) -> None:
        self._file.start_encoding()  # creates the file even without frames
        if self._last >= 0:
            self._file.mux(self._stream.encode())
            self._write_sound(float(self._last * _TIME_BASE) + self._step)
            if self._sound:
                self._file.mux(self._sound.encode())
        self._file.close()


def _sound_of(source: av.container.InputContainer, start: float) -> Iterator[av.AudioFrame]:
    """Sound of a file from its first image on, with times since then; frames that cannot be decoded
    are skipped."""
    resampler = av.AudioResampler("fltp", "stereo", _SOUND_RATE)
    with source:
        for packet in source.demux(source.streams.audio[0]):
            with suppress(av.FFmpegError):
                for frame in packet.decode():
                    if frame.time is not None and frame.time >= start:
                        for part in resampler.resample(frame):
                            part.time_base = Fraction(1, _SOUND_RATE)
                            part.pts = round((frame.time - start) * _SOUND_RATE)
                            yield part


@dataclass
class Track:
    """A face of a video."""

    track_id: int
    first: float  # seconds
    last: float = 0.0
    frames: int = 0  # that show it
    face: FaceEstimate | None = None  # in the last frame, smoothed along the track
    words: Wording | None = None
    width: int = 0  # of the largest face, in pixels
    image: np.ndarray | None = None  # uint8 BGR, of the largest face

    @property
    def row(self) -> dict[str, str | int]:
        """Cells of a table by their headers."""
        times = {"from (s)": f"{self.first:.1f}", "to (s)": f"{self.last:.1f}"}
        return {"track": self.track_id} | times | self.words.cells


class Tracks:
    """A sink that collects the tracks of a video."""

    def __init__(self) -> None:
        self.frames = self.skipped = 0  # numbers of results, and of faces that are not shown
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
