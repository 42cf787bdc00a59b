"""The demo's window, with OpenCV's replaced; tests/cli/test_demo_window.py has a real one."""

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


@pytest.mark.parametrize("own", [job(images=["a.jpg"]), job(FILE)])
def test_closing_the_window_ends(monkeypatch, own):
    Screen(monkeypatch, [-1, -1], visible=0.0)
    with result_window(own) as show:
        assert not show(frame(0.0))


linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="X and Wayland are Linux's")


@linux
def test_lost_screen_is_not_a_screen(monkeypatch):
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("DISPLAY", ":987")
    assert not has_screen()


def test_s_saves_the_image(monkeypatch, tmp_path):
    Screen(monkeypatch, [ord("s"), ENTER])
    with result_window(job(images=["inner/a.jpg"], output_dir=tmp_path)) as show:
        assert show(two_faces("inner/a.jpg"))
    assert (cv2.imread(str(tmp_path / "a_saved.png")) == two_faces().annotated).all()
