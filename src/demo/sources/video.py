"""Frames of video files, streams and cameras."""

import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from threading import Event, Thread
from urllib.parse import urlsplit

import av
import cv2
import numpy as np

from ...errors import UserError
from ...files import defer_sigint
from ..job import Frame, Video

_DEFAULT_RATE = 30.0  # frames per second
_MAX_RATE = 240.0  # higher rates in a header are clock rates
_CAMERA_SIZE = 640, 480
_CAMERA_TIMEOUT = 2.0  # seconds without a frame after which a camera is disconnected
_STREAM_TIMEOUT = 15.0  # seconds without data from an address
_POLL = 0.002  # seconds between two looks for a new frame
_LEAVE_TIMEOUT = 2.0  # seconds to wait for a camera's last frame
_CUT_SHORT = 0.5  # seconds between the last frame and the end in the header

Timed = tuple[np.ndarray, float]  # an image, uint8 (H, W, 3), BGR, and its time in seconds


def open_camera(index: int = 0, size: tuple[int, int] | None = None) -> Video:
    """The webcam `index`.

    size: width and height to request, 640x480 by default; the camera may deliver another.
    Raises `UserError` if it delivers no frame.
    """
    capture = cv2.VideoCapture(index)
    width, height = size or _CAMERA_SIZE
    capture.set(cv2.CAP_PROP_FRAME_WIDTH, width)
    capture.set(cv2.CAP_PROP_FRAME_HEIGHT, height)

    def read() -> np.ndarray | None:
        end = time.monotonic() + _CAMERA_TIMEOUT
        while not (frame := capture.read())[0] and time.monotonic() < end:
            time.sleep(0.05)
        return frame[1] if frame[0] else None

    first = read()
    if first is None:
        capture.release()
        raise UserError(
            f"--camera {index}: no frame from this webcam; connect one, try another --camera "
            "INDEX, close the programs that use it, allow access to it (also for containers and "
            "WSL), or pass images, --image_dir or --video"
        )

    def images() -> Iterator[Timed]:
        start, image = time.monotonic(), first
        while image is not None:
            yield image, (now := time.monotonic() - start)
            image = read()
        video.problem = f"--camera {index}: no more frames after {now:.1f} s"

    frames, rate = _frames(images(), capture.release), _plausible(capture.get(cv2.CAP_PROP_FPS))
    video = Video(frames, f"camera{index}", rate, first.shape[1::-1], live=True)
    return video


def open_video(source: str) -> Video:
    """A video file or a stream's URL.

    Raises `UserError` if no frame can be read.
    """
    is_url = "://" in source
    file = None if is_url else Path(source)
    if file and not file.is_file():
        raise UserError(f"--video: expected a file or a URL, found no file at {source}")
    try:
        # An absolute path, as FFmpeg reads the part before a colon as a protocol.
        reader = _Reader(source if is_url else str(file.resolve()))
    except (av.FFmpegError, OSError, ValueError) as error:
        reason = "check the address and the network" if is_url else f"not a video? {error}"
        raise UserError(f"--video: no frame of {source} can be read; {reason}") from error
    live = is_url and reader.container.duration is None

    def images() -> Iterator[Timed]:
        begun = time.monotonic()
        for image, stamp in reader:
            yield image, time.monotonic() - begun if live else stamp
        problem = reader.problem()
        video.problem = problem and f"{source}: {problem}"

    name = (Path(urlsplit(source).path) if is_url else file).stem or "video"
    timing = {"live": live, "start": reader.start, "count": reader.stream.frames}
    frames = _frames(images(), reader.container.close)
    video = Video(frames, name, reader.rate, reader.size, file=file, **timing)
    return video


def _frames(images: Iterator[Timed], close: Callable[[], None]) -> Generator[Frame]:
    """The frames, all resized to the size of the first one; `close` is called after the last."""
    shape = None
    try:
        for number, (image, now) in enumerate(images):
            shape = shape or image.shape[:2]
            if image.shape[:2] != shape:
                image = cv2.resize(image, shape[::-1], interpolation=cv2.INTER_LINEAR)
            yield Frame(f"frame{number:06d}.jpg", image, shape, now)
    finally:
        close()


def newest(frames: Generator[Frame]) -> Generator[Frame]:
    """The newest of live frames, which a thread reads, each time; older ones are dropped."""
    ready, errors, is_left = deque(maxlen=1), [], Event()

    def read() -> None:
        try:
            while not is_left.is_set() and (frame := next(frames, None)):
                ready.append(frame)
        except Exception as error:  # raised where the frames are used
            errors.append(error)
        finally:
            frames.close()

    thread = Thread(target=read, daemon=True)  # ends with the program if the camera hangs
    try:
        with defer_sigint():
            thread.start()
        while thread.is_alive() or ready:  # in this order, so that the last frame is not missed
            if ready:
                yield ready.popleft()
            else:
                time.sleep(_POLL)
    finally:
        is_left.set()
        thread.join(_LEAVE_TIMEOUT)
    if errors:
        raise errors[0]


class _Reader:
    """Images and times of the first video stream of a file or an address, by PyAV.

    size: width and height, upright, in square pixels.  start: see `Video`.
    """

    def __init__(self, address: str):
        """Raises `av.FFmpegError` or `ValueError` if there is no frame."""
        self.container = av.open(address, timeout=_STREAM_TIMEOUT, metadata_errors="replace")
        self.stream = next(iter(self.container.streams.video), None)
        if self.stream is None or self.stream.codec_context is None:
            raise ValueError("no video, or no decoder for it")
        self.stream.thread_type = "AUTO"
        self._packets = self._broken = self._frames = 0
        self._decoded = self._decode()
        self._first = next(self._decoded, None)
        if self._first is None:
            raise ValueError("no frame can be decoded")
        self.rate = _plausible(self.stream.guessed_rate, self.stream.average_rate)
        self.start, self._last = self._first.time or 0.0, -1 / self.rate
        self._square = _square_size(self._first, self.stream.sample_aspect_ratio)
        self.size = self._square[:: -1 if self._first.rotation % 180 else 1]

    def __iter__(self) -> Iterator[Timed]:
        frame = self._first
        while frame is not None:
            image = frame.reformat(*self._square, "bgr24").to_ndarray()
            if frame.rotation:
                image = np.ascontiguousarray(np.rot90(image, round(frame.rotation / 90)))
            # A time by the rate if time stamps do not advance.
            stamp = -1.0 if frame.time is None else frame.time - self.start
            self._last = stamp if stamp > self._last else self._last + 1 / self.rate
            yield image, self._last
            frame = next(self._decoded, None)

    def _decode(self) -> Iterator[av.VideoFrame]:
        """Frames that can be decoded; broken packets are counted."""
        packets = self.container.demux(self.stream)
        while True:
            try:
                packet = next(packets)
            except (StopIteration, av.FFmpegError):  # the end, also of a file cut short
                return
            self._packets += packet.size > 0 and not packet.is_corrupt
            try:
                for frame in packet.decode():
                    self._frames += 1
                    yield frame
            except av.FFmpegError:
                self._broken += not packet.is_corrupt

    def problem(self) -> str:
        """A message about frames that could not be read, or "", after the last one."""
        count, duration = self.stream.frames, (self.container.duration or 0) / av.time_base
        # A header without a count has a length, unless the sound lasts longer.
        is_alone = not count and len(self.container.streams) == 1
        is_cut = self._packets < count or (is_alone and duration - self._last > _CUT_SHORT)
        if not (self._broken or is_cut):
            return ""
        total = f" of {count:,}" if count else ""
        return f"{self._frames:,}{total} frames could be read; the file is damaged or cut short"


def _plausible(*rates: float | None) -> float:
    """The first rate, in frames per second, that can be one."""
    return next((float(rate) for rate in rates if rate and 1 <= rate <= _MAX_RATE), _DEFAULT_RATE)


def _square_size(frame: av.VideoFrame, aspect: float | None) -> tuple[int, int]:
    """Width and height of a frame enlarged to square pixels; a changed side is even."""
    width, height, aspect = frame.width, frame.height, float(aspect or 1)
    if aspect > 1:
        width = 2 * round(width * aspect / 2)
    if aspect < 1:
        height = 2 * round(height / aspect / 2)
    return width, height
