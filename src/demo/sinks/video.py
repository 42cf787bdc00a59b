"""Annotated copies of videos."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from ...files import defer_sigint, replacing
from ...outputs import locked
from ..job import Job, Result, Sink
from ..sources import Video

_TIME_BASE = Fraction(1, 90_000)  # seconds, as in MPEG
_SOUND_RATE = 48_000  # samples per second


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
        self._sound = _Sound(self._file, video) if video.file and not video.live else None
        self._last = -1
        self._step = 1 / video.rate

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

    def __init__(self, output: av.container.OutputContainer, video: Video):
        self._input, self._start = av.open(str(video.file.resolve())), video.start
        self._output, self._stream, self._waiting = output, None, None
        if self._input.streams.audio:
            self._stream = output.add_stream("aac", rate=_SOUND_RATE, layout="stereo")
            self._resampler = av.AudioResampler("fltp", "stereo", _SOUND_RATE)
            self._frames = self._decode()

    def _decode(self) -> Iterator[tuple[float, av.AudioFrame]]:
        """Frames of sound from the first image on, with their times; broken ones are skipped."""
        for packet in self._input.demux(self._input.streams.audio[0]):
            try:
                for frame in packet.decode():
                    if frame.time is not None and frame.time >= self._start:
                        for part in self._resampler.resample(frame):
                            yield frame.time - self._start, part
            except av.FFmpegError:
                continue

    def write_until(self, time: float) -> None:
        """Encode the sound up to `time`, in seconds since the first image."""
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
