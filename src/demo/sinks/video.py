"""Annotated copies of videos."""

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from ...errors import UserError
from ...extras import library
from ...files import make_folder, replacing
from ...outputs import Output, locked
from ..job import Job
from ..result import Result, Sink
from ..sources.video import Video
from .copies import folder_outputs

_TIME_BASE = Fraction(1, 90_000)  # seconds, as in MPEG
_MEASURED = 30  # frames at the beginning of a file, for a measurement of its rate
_MAX_RATE = 60.0  # frames per second, maximum of a measured rate
_SOUND_RATE = 48_000  # samples per second


def has_copy(job: Job) -> bool:
    return bool(job.args.output_dir and job.video)


def video_path(job: Job) -> Path:
    return job.args.output_dir / f"{job.video.name}.mp4"


def video_outputs(job: Job) -> list[Output]:
    folder = folder_outputs("--output_dir", job.args.output_dir)
    return (
        [*folder, Output("--output_dir", video_path(job), "an MP4 file", _is_mp4)] if folder else []
    )


def _is_mp4(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(8)[4:] == b"ftyp"


@contextmanager
def annotated_video(job: Job) -> Iterator[Sink]:
    """NAME.mp4 in --output_dir, with boxes, labels and, by PyAV, the sound and the true times.

    Raises `UserError` if it cannot be written; a full disk leaves no file.
    """
    copy = video_path(job)
    make_folder("--output_dir", copy.parent)
    with locked(copy), replacing(copy.resolve()) as partial:
        with closing(_open_writer(partial, job.video)) as writer:

            def write(result: Result) -> None:
                writer.write(result.annotated, result.picture.time)

            yield write


def _open_writer(path: Path, video: Video) -> "PyAVWriter | OpenCVWriter":
    if importlib.util.find_spec("av"):
        return PyAVWriter(path, video.size, video.rate, None if video.live else video.file)
    if video.file:
        print(
            "the annotated copy has no sound and a constant rate: pip install av",
            file=sys.stderr,
        )
    return OpenCVWriter(path, video.size, _constant_rate(video))


class PyAVWriter:
    """H.264 in MP4, by PyAV, with the frames' true times and the sound of `source`."""

    def __init__(self, path: Path, size: tuple[int, int], rate: float, source: Path | None):
        self._av = library("av")
        self._size = tuple(side + side % 2 for side in size)  # H.264 takes even sides
        # The index comes first, so that browsers show the file while it loads.
        self._file = self._av.open(str(path), "w", options={"movflags": "faststart"})
        self._stream = self._file.add_stream("libx264", rate=Fraction(rate).limit_denominator(1001))
        self._stream.width, self._stream.height = self._size
        self._stream.pix_fmt = "yuv420p"
        self._stream.codec_context.time_base = _TIME_BASE
        self._stream.options = {"preset": "veryfast", "crf": "20", "bf": "0"}
        self._sound = _Sound(self._av, self._file, source) if source else None
        self._last = -1
        self._step = 1 / rate

    def write(self, image: np.ndarray, time: float) -> None:
        """Add a frame, uint8 (H, W, 3), BGR, at `time` in seconds, later than those before."""
        height, width = image.shape[:2]
        if (width, height) != self._size:
            image = cv2.copyMakeBorder(
                image, 0, self._size[1] - height, 0, self._size[0] - width, cv2.BORDER_REPLICATE
            )
        frame = self._av.VideoFrame.from_ndarray(image, format="bgr24")
        frame.pts = self._last = max(round(time / _TIME_BASE), self._last + 1)
        frame.time_base = _TIME_BASE
        self._file.mux(self._stream.encode(frame))
        if self._sound:
            self._sound.write_until(time)

    def close(self) -> None:
        self._file.start_encoding()  # creates the file even without frames
        if self._last >= 0:
            self._file.mux(self._stream.encode())
            if self._sound:
                self._sound.write_until(float(self._last * _TIME_BASE) + self._step)
                self._sound.close()
        self._file.close()


class _Sound:
    """The first sound track of a file, encoded as AAC along with the frames."""

    def __init__(self, av, output, source: Path):
        self._input = av.open(str(source.resolve()))
        self._stream = None
        if self._input.streams.audio:
            self._stream = output.add_stream("aac", rate=_SOUND_RATE, layout="stereo")
            self._resampler = av.AudioResampler("fltp", "stereo", _SOUND_RATE)
            self._frames = self._decode(av)
        self._output = output
        self._waiting = None

    def _decode(self, av) -> Iterator:
        """Frames of sound from the beginning; broken ones are skipped."""
        start = (self._input.start_time or 0) / av.time_base
        for packet in self._input.demux(self._input.streams.audio[0]):
            try:
                for frame in packet.decode():
                    if frame.time is not None:
                        for part in self._resampler.resample(frame):
                            yield frame.time - start, part
            except av.FFmpegError:
                continue

    def write_until(self, time: float) -> None:
        """Encode the sound up to `time`, in seconds since the beginning of the file."""
        while self._stream is not None:
            self._waiting = self._waiting or next(self._frames, None)
            if self._waiting is None or self._waiting[0] > time:
                return
            begin, frame = self._waiting
            frame.pts, frame.time_base = round(begin * _SOUND_RATE), Fraction(1, _SOUND_RATE)
            self._output.mux(self._stream.encode(frame))
            self._waiting = None

    def close(self) -> None:
        if self._stream is not None:
            self._output.mux(self._stream.encode())
        self._input.close()


class OpenCVWriter:
    """MPEG-4 in MP4, by OpenCV: silent, at a constant rate; frames are repeated or left out so
    that the file lasts as long as the video."""

    def __init__(self, path: Path, size: tuple[int, int], rate: float):
        self._path, self._rate, self._written = path, rate, 0
        self._writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), rate, size)
        if not self._writer.isOpened():
            raise UserError(
                f"--output_dir: {path.parent} takes no video of {size[0]}x{size[1]} pixels; "
                "see --csv instead"
            )

    def write(self, image: np.ndarray, time: float) -> None:
        due = round(time * self._rate) + 1
        for _ in range(max(due - self._written, 0)):
            self._writer.write(image)
            self._written += 1

    def close(self) -> None:
        """Complete the file and count its frames, as OpenCV does not report failed writes."""
        self._writer.release()
        capture = cv2.VideoCapture(str(self._path))
        count = capture.get(cv2.CAP_PROP_FRAME_COUNT)
        capture.release()
        if self._written and count != self._written:
            raise UserError(
                f"{self._path.parent}: {count:.0f} of {self._written} frames of the annotated copy "
                "could be written; is the disk full?"
            )


def _constant_rate(video: Video) -> float:
    """The nominal rate, or a higher one if the first frames of a file are closer."""
    if video.file is None:
        return video.rate
    capture = cv2.VideoCapture(str(video.file.resolve()))
    times = []
    while len(times) < _MEASURED and capture.grab():
        times.append(capture.get(cv2.CAP_PROP_POS_MSEC) / 1000)
    capture.release()
    steps = np.diff(times)
    if not len(steps) or not (steps > 0).all():
        return video.rate
    measured = 1 / np.quantile(steps, 0.1)
    return video.rate if measured < 1.1 * video.rate else min(round(measured), _MAX_RATE)
