"""Prefetching in threads."""

import time
from collections import deque
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread
from typing import TypeVar

Item = TypeVar("Item")
_END = object()
_POLL = 0.005  # seconds between two looks for a new item
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
    newest, failed = deque(maxlen=1), []

    def make() -> None:
        try:
            for item in items:
                newest.append(item)
                if stop.is_set():
                    break
        except BaseException as error:  # raised where the items are used
            failed.append(error)
        finally:
            items.close()

    thread = Thread(target=make, daemon=True)
    thread.start()
    try:
        while not stop.is_set():
            is_alive = thread.is_alive()  # asked before, so that the last item is not missed
            if newest:
                yield newest.popleft()
            elif is_alive:
                time.sleep(_POLL)
            else:
                break
        if failed:
            raise failed[0]
    finally:
        stop.set()
        thread.join(_TIMEOUT)
