"""Prefetching: no item is lost, no thread is left."""

import threading
import time
from contextlib import closing

import pytest

from src.demo.threads import drop_stale, prefetch


def newest(items):
    return drop_stale(items, threading.Event())


BOTH = pytest.mark.parametrize("made_by", [prefetch, newest])


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

    def __call__(self):
        try:
            for number in range(self._count):
                time.sleep(self._pause)
                self.made += 1
                yield number
            if self._error:
                raise self._error
        finally:
            self.closed = True


def test_prefetch_keeps_every_item_in_order():
    source = Source(100)
    assert list(prefetch(source(), 3)) == list(range(100))
    assert source.closed


def test_prefetch_works_while_items_are_used():
    source = Source(20)
    with closing(prefetch(source(), 3)) as items:
        assert next(items) == 0
        end = time.monotonic() + 60
        while source.made < 4:  # the three items after it, which nobody asked for yet
            assert time.monotonic() < end
            time.sleep(0.001)


def test_prefetch_is_never_too_far_ahead():
    source, most = Source(20), 0
    for number in prefetch(source(), 2):
        time.sleep(0.005)
        most = max(most, source.made - (number + 1))
    assert most == 2


def test_prefetch_raises_in_its_turn():
    items = prefetch(Source(3, error=ZeroDivisionError())())
    assert [next(items) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ZeroDivisionError):
        next(items)


@BOTH
def test_source_is_closed_when_left_early(made_by):
    source = Source(10**9, pause=0.001)
    with closing(made_by(source())) as items:
        assert next(items) >= 0
    assert source.closed
    made = source.made
    time.sleep(0.02)
    assert source.made == made


@BOTH
@pytest.mark.parametrize("count", [0, 1])
def test_short_source_ends(made_by, count):
    assert list(made_by(Source(count)())) == list(range(count))


def test_drop_stale_drops_all_but_the_last():
    seen = []
    for number in newest(Source(60, pause=0.005)()):
        seen.append(number)
        time.sleep(0.05)
    assert seen == sorted(set(seen))
    assert seen[-1] == 59
    assert len(seen) < 30


def test_drop_stale_is_new():
    source = Source(10**9, pause=0.002)
    with closing(newest(source())) as items:
        for _ in range(5):
            next(items)
            time.sleep(0.05)
            made = source.made
            assert next(items) >= made - 2


def test_drop_stale_raises_after_the_last_item():
    seen = []
    with pytest.raises(ZeroDivisionError):
        for number in newest(Source(5, error=ZeroDivisionError())()):
            seen.append(number)
    assert seen[-1] == 4
