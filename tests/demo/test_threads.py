"""Prefetching: no item is lost, no thread is left."""

import threading
import time
from contextlib import closing

import pytest

from src.demo import results
from src.demo.results import prefetch

LIVE = pytest.mark.parametrize("live", [False, True])


@pytest.fixture(autouse=True)
def no_thread_is_left():
    before = threading.active_count()
    yield
    assert threading.active_count() == before


class Source:
    """Numbers below `count`, one every `pause` seconds; then the error, if any."""

    def __init__(self, count, pause=0.0, error=None):
        self.made, self.closed = 0, False
        self._count, self._pause, self._error = count, pause, error

    def prefetched(self, live=False):
        return prefetch(self._items(), threading.Event(), live)

    def _items(self):
        try:
            for number in range(self._count):
                time.sleep(self._pause)
                self.made += 1
                yield number
            if self._error:
                raise self._error
        finally:
            self.closed = True


def test_items_are_produced_while_others_are_used():
    source, most = Source(20), 0
    with closing(source.prefetched()) as items:
        for number in items:
            time.sleep(0.01)
            most = max(most, source.made - (number + 1))
    assert number == 19
    assert most == 3  # two are ready, one waits


@pytest.mark.parametrize("count", [0, 1, 100])
def test_every_item_comes_in_order(count):
    source = Source(count)
    assert list(source.prefetched()) == list(range(count))
    assert source.closed


@LIVE
def test_errors_are_raised_in_their_turn(live):
    seen = []
    with pytest.raises(ZeroDivisionError):
        for number in Source(3, error=ZeroDivisionError()).prefetched(live):
            seen.append(number)
    assert seen[-1] == 2
    assert live or seen == [0, 1, 2]


@LIVE
def test_source_is_closed_when_left_early(live):
    source = Source(10**9, pause=0.001)
    with closing(source.prefetched(live)) as items:
        assert next(items) >= 0
    assert source.closed
    made = source.made
    time.sleep(0.02)
    assert source.made == made


def test_live_items_are_new_and_the_last_is_kept():
    source, seen = Source(60, pause=0.005), []
    for number in source.prefetched(live=True):
        assert number >= source.made - 3
        seen.append(number)
        time.sleep(0.05)
    assert seen == sorted(set(seen))
    assert seen[-1] == 59
    assert len(seen) < 30


def test_hanging_source_can_be_left(monkeypatch):
    monkeypatch.setattr(results, "_TIMEOUT", 0.2)
    unplugged = threading.Event()

    def camera():
        yield 0
        unplugged.wait()

    start = time.monotonic()
    with closing(prefetch(camera(), threading.Event(), live=True)) as items:
        next(items)
    assert time.monotonic() - start < 5
    unplugged.set()
    time.sleep(0.1)
