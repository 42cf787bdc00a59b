"""The demo's window."""

import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import count
from pathlib import Path

import cv2

from ..job import Job
from ..overlay import add_hint
from ..result import Result
from .copies import write_image

NAME = "result"
_ESC, _SPACE, _SAVE, _QUIT, _NONE = 27, ord(" "), ord("s"), ord("q"), -1
_END = _ESC, _QUIT
_SIDE = 900  # pixels; a larger image is shown smaller
_RATE_FRAMES = 20  # whose times make the frame rate


class _Window:
    """An open window; `s` saves its image in --output_dir or the current folder."""

    def __init__(self, job: Job):
        self._folder = job.arguments.output_dir or Path()
        self._size: tuple[int, int] | None = None
        self._shown: Result | None = None

    def show(self, result: Result, title: str, hint: str) -> None:
        height, width = result.annotated.shape[:2]
        if self._size != (width, height):  # otherwise the window keeps the user's size
            scale = min(1, _SIDE / max(height, width))
            cv2.resizeWindow(NAME, round(width * scale), round(height * scale))
            self._size = width, height
        cv2.setWindowTitle(NAME, title)
        cv2.imshow(NAME, add_hint(result.annotated, hint))
        self._shown = result

    def is_open(self) -> bool:
        return cv2.getWindowProperty(NAME, cv2.WND_PROP_VISIBLE) >= 1

    def key(self, milliseconds: int) -> int:
        """The key pressed within the time, -1 if none; `s` is handled here."""
        key = cv2.waitKey(max(1, milliseconds))
        if key == _SAVE and self._shown:
            self._save(self._shown)
        return key

    def _save(self, result: Result) -> None:
        stem = Path(result.frame.name).stem
        names = (f"{stem}_saved{number or ''}.png" for number in count())
        path = next(path for name in names if not (path := self._folder / name).exists())
        write_image(path, result.annotated)
        print(f"saved {path}", file=sys.stderr, flush=True)


class ImageWindow(_Window):
    """Shows each image until a key is pressed; ESC, q or closing the window ends the demo."""

    def __init__(self, job: Job):
        super().__init__(job)
        self._order = {name: number for number, name in enumerate(job.images, 1)}

    def __call__(self, result: Result) -> bool:
        name = result.frame.name
        title = f"{name} ({self._order[name]} of {len(self._order)})"
        self.show(result, title, "any key: next   s: save   q: quit")
        while (key := self.key(30)) in (_NONE, _SAVE) and self.is_open():
            pass
        return key not in _END and self.is_open()


class VideoWindow(_Window):
    """Shows frames; space pauses, ESC, q or closing the window ends the demo.

    Frames of a file are shown at their times, frames of a camera immediately.
    """

    def __init__(self, job: Job):
        super().__init__(job)
        self._video = job.video
        self._seconds = job.video.count / job.video.rate
        self._start: float | None = None
        self._times: deque[float] = deque(maxlen=_RATE_FRAMES)

    def __call__(self, result: Result) -> bool:
        self._times.append(time.monotonic())
        self._show(result, "space: pause   s: save   q: quit")
        self._start = self._start or time.monotonic() - result.frame.time
        early = self._start + result.frame.time - time.monotonic()
        key = self.key(0 if self._video.live else round(1000 * early))
        if key == _SPACE:
            paused = time.monotonic()
            self._show(result, "paused   space: continue   s: save   q: quit")
            while (key := self.key(30)) not in (_SPACE, *_END) and self.is_open():
                pass
            self._start += time.monotonic() - paused
            self._times.clear()
        return key not in _END and self.is_open()

    def _show(self, result: Result, keys: str) -> None:
        length = f" of {self._seconds:.1f}" if self._seconds else ""
        elapsed = self._times[-1] - self._times[0] if self._times else 0
        rate = f"{(len(self._times) - 1) / elapsed:.0f} frames/s   " if elapsed else ""
        self.show(result, self._video.name, f"{result.frame.time:.1f}{length} s   {rate}{keys}")


@contextmanager
def result_window(job: Job) -> Iterator[_Window]:
    """A window for the images or the video of a job."""
    # OpenCV's wheels may lack the fonts of Qt, and report that many times.
    os.environ.setdefault("QT_LOGGING_RULES", "default.warning=false")
    # GUI_NORMAL: without Qt's toolbar, which shrinks the image.
    cv2.namedWindow(NAME, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
    try:
        yield VideoWindow(job) if job.video else ImageWindow(job)
    finally:
        cv2.destroyAllWindows()


@cache
def has_screen() -> bool:
    """Whether a window can be opened.

    On Linux another process tries it, as the window library ends the process if DISPLAY names a
    screen that does not exist.
    """
    if not sys.platform.startswith("linux"):
        return True
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return False
    probe = [sys.executable, "-c", "import cv2; cv2.namedWindow('probe')"]
    try:
        return subprocess.run(probe, capture_output=True, timeout=20).returncode == 0
    except subprocess.TimeoutExpired:  # the screen's host does not answer
        return False
