"""The demo's window."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import cv2

from src.demo.overlay import add_hint
from src.demo.result import Result

NAME = "result"
_ESC, _SPACE, _NONE = 27, ord(" "), -1
_SIDE = 900  # pixels; a larger picture is shown smaller


@contextmanager
def picture_window() -> Iterator[Callable[[Result], bool]]:
    """A sink that shows each picture until a key is pressed; ESC or closing it ends the demo."""

    def show(result: Result) -> bool:
        _show(result, "any key: next   ESC: end")
        while (key := cv2.waitKey(30)) == _NONE and _is_open():
            pass
        return key != _ESC and _is_open()

    with _open():
        yield show


@contextmanager
def video_window(live: bool) -> Iterator[Callable[[Result], bool]]:
    """A sink that shows frames; space pauses, ESC or closing the window ends the demo.

    A file's frames are shown no faster than it was made for.
    """
    start = None

    def show(result: Result) -> bool:
        nonlocal start
        _show(result, "space: pause   ESC: end")
        start = start or time.monotonic() - result.picture.time
        early = 0 if live else start + result.picture.time - time.monotonic()
        key = cv2.waitKey(max(1, round(1000 * early)))
        if key == _SPACE:
            paused = time.monotonic()
            while (key := cv2.waitKey(30)) not in (_SPACE, _ESC) and _is_open():
                pass
            start += time.monotonic() - paused
        return key != _ESC and _is_open()

    with _open():
        yield show


def _show(result: Result, hint: str) -> None:
    height, width = result.annotated.shape[:2]
    shown = min(1, _SIDE / max(height, width))
    cv2.resizeWindow(NAME, round(width * shown), round(height * shown))
    cv2.imshow(NAME, add_hint(result.annotated, hint))


def _is_open() -> bool:
    return cv2.getWindowProperty(NAME, cv2.WND_PROP_VISIBLE) >= 1


@contextmanager
def _open() -> Iterator[None]:
    # OpenCV's wheels may lack the fonts that Qt looks for, and it says so many times over.
    os.environ.setdefault("QT_LOGGING_RULES", "default.warning=false")
    # GUI_NORMAL: without Qt's row of buttons, which shrinks the picture.
    cv2.namedWindow(NAME, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
    try:
        yield
    finally:
        cv2.destroyAllWindows()


def has_screen() -> bool:
    """Whether a window can be opened.

    On Linux a process of its own tries it: where DISPLAY names a screen that is gone, the window
    library ends the process that asks.
    """
    if not sys.platform.startswith("linux"):
        return True
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return False
    probe = [sys.executable, "-c", "import cv2; cv2.namedWindow('probe')"]
    try:
        return subprocess.run(probe, capture_output=True, timeout=20).returncode == 0
    except subprocess.TimeoutExpired:  # a screen on a host that does not answer
        return False
