"""Frames of video files, streams and cameras."""

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import cv2
import numpy as np

from ...errors import UserError
from ...faces.detectors.base import SMALLEST_SHARE
from ...faces.images import EXTENSIONS
from . import Picture
from .containers import Container, read_container

_ANIMATED = {".gif", ".apng", ".png", ".webp"}  # pictures that may be videos
_DEFAULT_RATE = 30.0  # frames per second
_MAX_RATE = 240.0  # higher rates in a header are clock rates
_MAX_PIXEL_ASPECT = 4.0  # higher values in a header are errors
_CAMERA_PATIENCE = 2.0  # seconds without a frame after which a camera is disconnected
_FILE_PATIENCE = 10  # maximum number of consecutive failed reads of a file

Read = Callable[[], np.ndarray | None]  # the next frame, None after the last


@dataclass
class Video:
    """Frames in order, named by number.

    frames: a generator of `Picture`, all of one size.
    name: name of an annotated copy, without extension.
    rate: nominal frames per second.
    size: width and height of a frame in (square) pixels.
    live: whether frames are lost unless read in time.
    file: the video file, None for a camera and a stream.
    count: number of frames in the file's header, 0 if unknown.
    every: interval of the analysed frames in seconds; None for all.
    problem: message about unreadable frames, or "", once `frames` is exhausted.
    """

    frames: Generator[Picture]
    name: str
    rate: float
    size: tuple[int, int]
    live: bool
    file: Path | None = None
    count: int = 0
    every: float | None = None
    problem: str = field(default="", init=False)

    @property
    def min_face(self) -> int:
        """Default side of the smallest face to detect, in pixels: as for pictures, but at most 80,
        so that dlib does not enlarge large frames."""
        return min(80, round(max(self.size) * SMALLEST_SHARE))


def open_camera(index: int = 0, every: float | None = None) -> Video:
    """The webcam `index`, at 640x480 if possible.

    every: see `Video`.
    Raises `UserError` if it delivers no frame.
    """
    capture = cv2.VideoCapture(index)
    capture.set(cv2.CAP_PROP_FRAME_WIDTH, 640)
    capture.set(cv2.CAP_PROP_FRAME_HEIGHT, 480)

    def read() -> np.ndarray | None:
        end = time.monotonic() + _CAMERA_PATIENCE
        while not (frame := capture.read())[0] and time.monotonic() < end:
            time.sleep(0.05)
        return frame[1] if frame[0] else None

    first = read()
    if first is None:
        capture.release()
        raise UserError(
            f"--camera {index}: expected a webcam, none delivered a picture; connect one, try "
            "another --camera INDEX, close the programs that use it, allow access to it (also for "
            "containers and WSL), or use --image_dir or --video"
        )
    video = Video(None, f"camera{index}", _rate(capture), first.shape[1::-1], True, every=every)

    def note_end(times: list[float]) -> None:
        video.problem = f"--camera {index}: delivered no more pictures after {times[-1]:.1f} s"

    video.frames = _frames(capture, first, read, video.size, _live_clock(), every, note_end)
    return video


def open_video(source: str, every: float | None = None) -> Video:
    """A video file or a stream's URL.

    every: see `Video`.
    Raises `UserError` if no frame can be read.
    """
    is_url = "://" in source
    file = None if is_url else Path(source)
    if file and not file.is_file():
        raise UserError(f"--video: expected a file or a URL, found no file at {source}")
    if file and file.suffix.lower() in EXTENSIONS - _ANIMATED:  # FFmpeg would not turn it upright
        raise UserError(
            f"--video: expected a video, {source} is a picture; pass it without --video"
        )
    # An absolute path, as FFmpeg reads the part before a colon as a protocol.
    capture = cv2.VideoCapture(source if is_url else str(file.resolve()))

    def read() -> np.ndarray | None:
        for _ in range(_FILE_PATIENCE):  # skips broken frames
            there, frame = capture.read()
            if there:
                return frame
        return None

    first = read()
    if first is None:
        reason = _why_no_picture(capture, file)
        capture.release()
        raise UserError(f"--video: expected a video, no frame of {source} can be read; {reason}")
    rate, count = _rate(capture), capture.get(cv2.CAP_PROP_FRAME_COUNT)
    live = is_url and count <= 0
    name = (Path(urlsplit(source).path) if is_url else file).stem or "video"
    video = Video(None, name, rate, _square_size(capture, first), live, file, every=every)
    if 0 < count < 1e9 and rate == capture.get(cv2.CAP_PROP_FPS):
        video.count = int(count)

    def note_end(times: list[float]) -> None:
        video.problem = _describe_loss(video, times)

    clock = _live_clock() if live else _time_stamps(capture, rate)
    video.frames = _frames(capture, first, read, video.size, clock, every, note_end)
    return video


def _frames(
    capture: cv2.VideoCapture,
    image: np.ndarray | None,
    read: Read,
    size: tuple[int, int],
    clock: Callable[[], float],
    every: float | None,
    note_end: Callable[[list[float]], None],
) -> Generator[Picture]:
    """The first frame, `image`, and all further ones; `note_end` receives the times of all."""
    times, due = [], 0.0
    try:
        while image is not None:
            now = clock()
            if now >= due:
                if image.shape[1::-1] != size:
                    image = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
                yield Picture(f"frame{len(times):06d}.jpg", image, now)
                due = now + every if every else 0.0
            times.append(now)
            image = read()
        note_end(times)
    finally:
        capture.release()


def _live_clock() -> Callable[[], float]:
    """A clock for live frames."""
    start = time.monotonic()
    return lambda: time.monotonic() - start


def _time_stamps(capture: cv2.VideoCapture, rate: float) -> Callable[[], float]:
    """A clock that returns the time stamp of the last frame, or, if time stamps do not advance, a
    time by `rate`."""
    last = -1 / rate

    def clock() -> float:
        nonlocal last
        stamp = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        last = stamp if stamp > last else last + 1 / rate
        return last

    return clock


def _rate(capture: cv2.VideoCapture) -> float:
    rate = capture.get(cv2.CAP_PROP_FPS)
    return rate if 1 <= rate <= _MAX_RATE else _DEFAULT_RATE


def _square_size(capture: cv2.VideoCapture, frame: np.ndarray) -> tuple[int, int]:
    """Width and height of a frame enlarged to square pixels; a changed side is even."""
    height, width = frame.shape[:2]
    over, under = capture.get(cv2.CAP_PROP_SAR_NUM), capture.get(cv2.CAP_PROP_SAR_DEN)
    aspect = over / under if over > 0 and under > 0 else 1.0
    if not 1 / _MAX_PIXEL_ASPECT <= aspect <= _MAX_PIXEL_ASPECT:
        return width, height
    if capture.get(cv2.CAP_PROP_ORIENTATION_META) % 180:  # OpenCV rotated the frame
        aspect = 1 / aspect
    if aspect > 1:
        return 2 * round(width * aspect / 2), height
    return width, 2 * round(height / aspect / 2) if aspect < 1 else height


def _why_no_picture(capture: cv2.VideoCapture, file: Path | None) -> str:
    if file is None:
        return "check the address and the network"
    codec = int(capture.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, "little", signed=True)
    if capture.isOpened() and codec.strip(b"\0").isalnum():
        return (
            f"OpenCV has no decoder for {codec.decode('ascii')} here; convert it: "
            f"ffmpeg -i {file.name} -c:v libx264 converted.mp4"
        )
    return "it is not a video, or was cut short"


def _describe_loss(video: Video, times: list[float]) -> str:
    """A message about frames in the header that could not be read, or ""."""
    container = read_container(video.file) if video.file else Container()
    missing = video.count - len(times) if container.counts else 0
    # The header of a file trimmed by an edit list also counts the hidden frames.
    lost = missing if container.cut else min(missing, _gaps(times))
    if lost > 0:
        return f"{video.file}: {len(times):,} of {video.count:,} frames could be read"
    if container.cut:
        return f"{video.file}: the file is cut short, {len(times):,} frames could be read"
    return ""


def _gaps(times: list[float]) -> int:
    """The number of frames missing between those at `times`, by the median interval."""
    steps = np.diff(times)
    if not len(steps):
        return 0
    return int((np.rint(steps / np.median(steps)) - 1).clip(0).sum())
