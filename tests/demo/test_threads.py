"""Frames of live sources: the newest is used, no thread is left."""

import threading
import time
from contextlib import closing

import pytest

from src.demo.sources import video
from src.demo.sources.video import newest


@pytest.fixture(autouse=True)
def no_thread_is_left():
    before = threading.active_count()
    yield
    assert threading.active_count() == before


class Source:
    """Numbers from 1 to `count`, one every `pause` seconds; then the error, if any."""

    def __init__(self, count, pause=0.0, error=None):
        self.made, self.closed = 0, False
        self._count, self._pause, self._error = count, pause, error

    def __iter__(self):
        try:
            for number in range(1, self._count + 1):
                time.sleep(self._pause)
                self.made = number
                yield number
            if self._error:
                raise self._error
        finally:
            self.closed = True


def test_frames_are_new_and_the_last_is_kept():
    source, seen = Source(60, pause=0.005), []
    for number in newest(iter(source)):
        assert number >= source.made - 3
        seen.append(number)
        time.sleep(0.05)
    assert seen == sorted(set(seen))
    assert seen[-1] == 60
    assert len(seen) < 30


def test_error_comes_after_the_last_frame():
    seen = []
    with pytest.raises(ZeroDivisionError):
        for number in newest(iter(Source(3, error=ZeroDivisionError()))):
            seen.append(number)
    assert seen[-1] == 3


def test_source_is_closed_when_left_early():
    source = Source(10**9, pause=0.001)
    with closing(newest(iter(source))) as items:
        assert next(items) >= 1
    assert source.closed


def test_hanging_source_can_be_left(monkeypatch):
    monkeypatch.setattr(video, "_LEAVE_TIMEOUT", 0.2)
    unplugged = threading.Event()

    def camera():
        yield 1
        unplugged.wait()

    start = time.monotonic()
    with closing(newest(camera())) as items:
        next(items)
    assert time.monotonic() - start < 5
    unplugged.set()
    time.sleep(0.1)
