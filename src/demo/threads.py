"""Prefetching in threads."""

from collections import deque
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, Queue
from threading import Event, Thread
from typing import TypeVar

Item = TypeVar("Item")
_END = object()
_POLL = 0.1  # seconds between two checks of `stop`
_TIMEOUT = 2.0  # seconds to wait for the end of a producer


def prefetch(items: Generator[Item], depth: int = 2) -> Generator[Item]:
    """Prefetch up to `depth` items in another thread.

    Exceptions of `items` are raised here, in order. `items` is closed at the end.
    """
    pool = ThreadPoolExecutor(1)
    try:
        # Starts the thread; shutdown does not await a thread whose start was interrupted.
        pool.submit(bool)
        coming = deque(pool.submit(next, items, _END) for _ in range(depth))
        while (item := coming.popleft().result()) is not _END:
            coming.append(pool.submit(next, items, _END))
            yield item
    finally:
        pool.shutdown(cancel_futures=True)
        items.close()


def drop_stale(items: Generator[Item], stop: Event) -> Generator[Item]:
    """The newest item of a thread that produces continuously; older ones are dropped.

    Ends with the items, or when `stop` is set, even if the next item never comes: the thread of a
    hanging camera ends with the program.
    """
    newest: Queue = Queue(1)
    failed = []

    def make() -> None:
        try:
            for item in items:
                _empty(newest)
                newest.put(item)
                if stop.is_set():
                    break
        except BaseException as error:  # raised where the items are used
            failed.append(error)
        finally:
            items.close()
            if not stop.is_set():
                newest.put(_END)  # after the last item

    thread = Thread(target=make, daemon=True)
    thread.start()
    try:
        while not stop.is_set():
            try:
                item = newest.get(timeout=_POLL)
            except Empty:
                continue
            if item is _END:
                break
            yield item
        if failed:
            raise failed[0]
    finally:
        stop.set()
        _empty(newest)
        thread.join(_TIMEOUT)


def _empty(queue: Queue) -> None:
    try:
        queue.get_nowait()
    except Empty:
        pass
