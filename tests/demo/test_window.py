"""The demo's window, with OpenCV's replaced; tests/cli/test_demo_window.py has a real one."""

import re
import subprocess
import sys
import time
from types import SimpleNamespace

import cv2
import pytest

from src.demo.sinks.window import has_screen, result_window
from tests.demo.made import job, two_faces

ESC, SPACE, ENTER, QUIT = 27, ord(" "), 13, ord("q")
LIVE = SimpleNamespace(live=True, name="camera0", count=0, rate=30)
FILE = SimpleNamespace(live=False, name="clip", count=60, rate=30)


@pytest.fixture(autouse=True)
def ask_anew():
    has_screen.cache_clear()


class Screen:
    """A fake of OpenCV's windows with a sequence of key presses, -1 for none."""

    def __init__(self, monkeypatch, keys, visible=1.0):
        self.keys, self.shown, self.waits, self.sizes = list(keys), [], [], []
        self.open, self.titles = False, []
        monkeypatch.setattr(cv2, "setWindowTitle", lambda name, text: self.titles.append(text))
        monkeypatch.setattr(cv2, "namedWindow", self.namedWindow)
        monkeypatch.setattr(cv2, "resizeWindow", lambda name, *size: self.sizes.append(size))
        monkeypatch.setattr(cv2, "imshow", lambda name, image: self.shown.append(image))
        monkeypatch.setattr(cv2, "waitKey", self.waitKey)
        monkeypatch.setattr(cv2, "getWindowProperty", lambda name, what: visible)
        monkeypatch.setattr(cv2, "destroyAllWindows", self.destroyAllWindows)

    def namedWindow(self, name, flags):
        self.open = True

    def destroyAllWindows(self):
        self.open = False

    def waitKey(self, wait):
        self.waits.append(wait)
        return self.keys.pop(0)


def frame(time):
    return two_faces(time=time, tracks=[1, 2])


@pytest.mark.parametrize(
    "kind, keys, goes_on",
    [
        ("image", [-1, -1, ESC], False),
        ("image", [QUIT], False),
        ("image", [-1, SPACE], True),
        ("image", [ENTER], True),
        ("video", [ESC], False),
        ("video", [QUIT], False),
        ("video", [-1], True),
        ("video", [ENTER], True),
        ("video", [SPACE, -1, ENTER, -1, SPACE], True),  # a pause
        ("video", [SPACE, ESC], False),
        ("video", [SPACE, -1, QUIT], False),
    ],
)
def test_keys(monkeypatch, kind, keys, goes_on):
    screen = Screen(monkeypatch, keys)
    own, found = (job(images=["a.jpg"]), two_faces()) if kind == "image" else (job(FILE), frame(0))
    with result_window(own) as show:
        assert show(found) is goes_on
    assert screen.keys == []


def test_frames_are_shown_in_time(monkeypatch):
    screen = Screen(monkeypatch, [-1] * 3)
    with result_window(job(FILE)) as show:
        for second in (5.0, 5.5, 5.0):
            show(frame(second))
    first, early, late = screen.waits
    assert (first, late) == (1, 1)
    assert 400 < early <= 500


def test_frame_rate_of_uneven_frames(monkeypatch):
    clock = [0.0]
    screen = Screen(monkeypatch, [-1] * 21)
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    with result_window(job(FILE)) as show:
        for i in range(21):
            clock[0] = i // 2 * 0.1 + i % 2 * 0.01  # two frames each tenth of a second
            show(frame(clock[0]))
    assert "20 frames/s" in screen.titles[-1]


def test_pause_delays_later_frames(monkeypatch):
    screen = Screen(monkeypatch, [SPACE, SPACE, -1])
    wait = screen.waitKey

    def slow(milliseconds):
        time.sleep(0.3)
        return wait(milliseconds)

    with result_window(job(FILE)) as show:
        show(frame(0.0))  # paused for no time, but for that of the key
        monkeypatch.setattr(cv2, "waitKey", slow)
        screen.keys[:0] = [SPACE, SPACE]
        show(frame(0.0))
        monkeypatch.setattr(cv2, "waitKey", wait)
        show(frame(1.0))
    assert 600 < screen.waits[-1] < 750  # less the first key's 0.3 seconds only


@pytest.mark.parametrize("own", [job(images=["a.jpg"]), job(FILE)])
def test_closing_the_window_ends(monkeypatch, own):
    Screen(monkeypatch, [-1, -1], visible=0.0)
    with result_window(own) as show:
        assert not show(frame(0.0))


linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="X and Wayland are Linux's")


@linux
@pytest.mark.parametrize("display", [None, ""])
def test_no_window_without_a_screen(monkeypatch, display):
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
        if display is not None:
            monkeypatch.setenv(name, display)
    monkeypatch.setattr(subprocess, "run", lambda *args, **options: pytest.fail("tried"))
    monkeypatch.setattr(cv2, "namedWindow", lambda *args: pytest.fail("tried"))
    assert not has_screen()


@linux
def test_lost_screen_is_not_a_screen(monkeypatch):
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("DISPLAY", ":987")
    assert not has_screen()


def test_s_saves_the_image(monkeypatch, tmp_path):
    Screen(monkeypatch, [ord("s"), ord("s"), ENTER])
    with result_window(job(images=["inner/a.jpg"], output_dir=tmp_path)) as show:
        assert show(two_faces("inner/a.jpg"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a_saved.png", "a_saved1.png"]
    assert (cv2.imread(str(tmp_path / "a_saved.png")) == two_faces().annotated).all()


def test_title_has_position_and_keys(monkeypatch):
    screen = Screen(monkeypatch, [-1, SPACE, SPACE])
    with result_window(job(FILE)) as show:
        show(frame(0.0))
        show(frame(0.1))
    first, second, paused = screen.titles
    assert first == "clip (0.0 of 2.0 s, 0 frames/s)   space: pause, s: save, q: quit"
    assert re.match(r"clip \(0\.1 of 2\.0 s, \d+ frames/s\)   space", second)
    assert "paused" in paused
    screen.keys = [ENTER]
    with result_window(job(images=["b.jpg", "a.jpg"])) as show:
        show(two_faces())
    assert screen.titles[-1].startswith("a.jpg (2 of 2)   any key: next")
