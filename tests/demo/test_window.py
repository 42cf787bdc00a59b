"""The demo's window, with OpenCV's replaced; tests/cli/test_demo_window.py has a real one."""

import re
import subprocess
import sys
import time
from types import SimpleNamespace

import cv2
import pytest

from src.demo.sinks import window
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
        self.open, self.titles, self.hints = False, [], []
        monkeypatch.setattr(cv2, "setWindowTitle", lambda name, text: self.titles.append(text))
        add_hint = window.add_hint
        monkeypatch.setattr(
            window, "add_hint", lambda image, text: self.hints.append(text) or add_hint(image, text)
        )
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
    "key, goes_on", [(ESC, False), (QUIT, False), (SPACE, True), (ENTER, True)]
)
def test_image_waits_for_a_key(monkeypatch, key, goes_on):
    screen = Screen(monkeypatch, [-1, -1, key])
    with result_window(job(images=["a.jpg"])) as show:
        assert show(two_faces()) is goes_on
    assert screen.keys == []


@pytest.mark.parametrize("key, goes_on", [(ESC, False), (QUIT, False), (-1, True), (ENTER, True)])
def test_esc_ends_a_video(monkeypatch, key, goes_on):
    screen = Screen(monkeypatch, [key, -1])
    with result_window(job(LIVE)) as show:
        assert show(frame(0.0)) is goes_on
    assert screen.keys == [-1]


@pytest.mark.parametrize("then, goes_on", [(SPACE, True), (ESC, False), (QUIT, False)])
def test_space_pauses_a_video(monkeypatch, then, goes_on):
    screen = Screen(monkeypatch, [SPACE, -1, ENTER, -1, then])
    with result_window(job(FILE)) as show:
        assert show(frame(0.0)) is goes_on
    assert screen.keys == []


def test_frames_are_shown_in_time(monkeypatch):
    screen = Screen(monkeypatch, [-1] * 3)
    with result_window(job(FILE)) as show:
        for second in (5.0, 5.5, 5.0):
            show(frame(second))
    first, early, late = screen.waits
    assert (first, late) == (1, 1)
    assert 400 < early <= 500


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


def test_camera_frames_are_shown_immediately(monkeypatch):
    screen = Screen(monkeypatch, [-1, -1])
    with result_window(job(LIVE)) as show:
        show(frame(0.0))
        show(frame(9.0))
    assert screen.waits == [1, 1]


@pytest.mark.parametrize(
    "window", [lambda: result_window(job(images=["a.jpg"])), lambda: result_window(job(FILE))]
)
def test_closing_the_window_ends(monkeypatch, window):
    Screen(monkeypatch, [-1, -1], visible=0.0)
    with window() as show:
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


def test_window_keeps_the_users_size(monkeypatch):
    screen = Screen(monkeypatch, [-1, -1, -1])
    with result_window(job(LIVE)) as show:
        for _ in range(3):
            show(frame(0.0))
    assert screen.sizes == [(80, 60)]


def test_title_and_hint_tell_where_it_is(monkeypatch):
    screen = Screen(monkeypatch, [-1, SPACE, SPACE])
    with result_window(job(FILE)) as show:
        show(frame(0.0))
        show(frame(0.1))
    assert set(screen.titles) == {"clip"}
    first, second, paused = screen.hints
    assert first.startswith("0.0 of 2.0 s   space: pause")
    assert re.match(r"0\.1 of 2\.0 s   \d+ frames/s   ", second)
    assert "paused" in paused
    screen.keys = [ENTER]
    with result_window(job(images=["b.jpg", "a.jpg"])) as show:
        show(two_faces())
    assert screen.titles[-1] == "a.jpg (2 of 2)"
