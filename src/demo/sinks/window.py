"""The demo's window."""

import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2

from ..job import Job, Result
from .images import write_image

NAME = "result"
_ESC, _SPACE, _SAVE, _QUIT, _NONE = 27, ord(" "), ord("s"), ord("q"), -1
_END = _ESC, _QUIT
_RATE_FRAMES = 30  # over which the frame rate is measured
_SIDE = 900  # pixels; a larger image is shown smaller


class Window:
    """Shows each image until a key is pressed, frames of a file at their times, and frames of a
    camera immediately. Space pauses a video, s saves; ESC, q or closing the window ends the demo.
    """

    def __init__(self, job: Job):
        self._video, self._folder = job.video, job.arguments.output_dir or Path()
        self._order = {name: number for number, name in enumerate(job.images, 1)}
        self._size: tuple[int, int] | None = None
        self._start: float | None = None  # of the video, on the clock
        self._times: deque[float] = deque(maxlen=_RATE_FRAMES)  # of the last frames, on the clock

    def __call__(self, result: Result) -> bool:
        """Show a result; False when the window is left."""
        height, width = result.annotated.shape[:2]
        if self._size != (width, height):  # otherwise the window keeps the user's size
            scale = min(1, _SIDE / max(height, width))
            cv2.resizeWindow(NAME, round(width * scale), round(height * scale))
            self._size = width, height
        cv2.imshow(NAME, result.annotated)
        if self._video is None:
            position = f"{self._order[result.frame.name]} of {len(self._order)}"
            self._set_title(f"{result.frame.name} ({position})", "any key: next")
            key = self._wait(result)
        else:
            key = self._play(result)
        return key not in _END and self._is_open()

    def _play(self, result: Result) -> int:
        """Wait until a video's next frame is due, or the end of a pause; returns the last key."""
        now, seconds = time.monotonic(), result.frame.time
        self._start = self._start or now - seconds
        self._times.append(now)
        rate = (len(self._times) - 1) / max(now - self._times[0], 1e-3)
        length = self._video.count / self._video.rate
        position = f"{seconds:.1f}{f' of {length:.1f}' if length else ''} s"
        title = f"{self._video.name} ({position}, {rate:.0f} frames/s)"
        self._set_title(title, "space: pause")
        early = 0 if self._video.live else self._start + seconds - time.monotonic()
        key = self._key(result, round(1000 * early))
        if key == _SPACE:
            self._set_title(f"{title} paused", "space: continue")
            paused = time.monotonic()
            key = self._wait(result, (_SPACE, *_END))
            self._start += time.monotonic() - paused
            self._times.clear()
        return key

    def _set_title(self, title: str, key: str) -> None:
        cv2.setWindowTitle(NAME, f"{title}   {key}, s: save, q: quit")

    def _is_open(self) -> bool:
        return cv2.getWindowProperty(NAME, cv2.WND_PROP_VISIBLE) >= 1

    def _wait(self, result: Result, keys: tuple[int, ...] = ()) -> int:
        """The next of `keys`, any key if there are none; also returns if the window is closed."""
        while True:
            key = self._key(result, 30)
            if not self._is_open() or key in keys or not (keys or key in (_NONE, _SAVE)):
                return key

    def _key(self, result: Result, milliseconds: int) -> int:
        """The key pressed within the time, -1 if none; `s` saves the image in --output_dir or the
        current folder."""
        key = cv2.waitKey(max(1, milliseconds))
        if key == _SAVE:
            video = f"{self._video.name}_" if self._video else ""
            path = self._folder / f"{video}{Path(result.frame.name).stem}_saved.png"
            write_image(path, result.annotated)
            print(f"saved {path}", file=sys.stderr, flush=True)
        return key


@contextmanager
def result_window(job: Job) -> Iterator[Window]:
    """A window for the images or the video of a job."""
    # OpenCV's wheels may lack the fonts of Qt, and report that many times.
    os.environ.setdefault("QT_LOGGING_RULES", "default.warning=false")
    # GUI_NORMAL: without Qt's toolbar, which shrinks the image.
    cv2.namedWindow(NAME, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
    try:
        yield Window(job)
    finally:
        cv2.destroyAllWindows()


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
    return subprocess.run(probe, capture_output=True).returncode == 0
