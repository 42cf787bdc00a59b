"""Parts of the demo that work at the same time, each in a thread of its own."""

from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, Queue
from threading import Event, Thread
from typing import TypeVar

Item = TypeVar("Item")
_END = object()


def ahead(items: Generator[Item], most: int = 2) -> Iterator[Item]:
    """Make up to `most` items in another thread while those before are being used.

    What `items` raises is raised here, in its turn. `items` is closed at the end.
    """
    pool = ThreadPoolExecutor(1)
    try:
        coming = deque(pool.submit(next, items, _END) for _ in range(most))
        while (item := coming.popleft().result()) is not _END:
            coming.append(pool.submit(next, items, _END))
            yield item
    finally:
        pool.shutdown(cancel_futures=True)
        items.close()


def latest(items: Generator[Item]) -> Iterator[Item]:
    """The newest of the items that another thread makes without a break; the others are left out.

    Whoever is slower than a camera sees what is, not what was.
    """
    newest: Queue = Queue(1)
    stop = Event()
    failed = []

    def make() -> None:
        try:
            for item in items:
                _replace(newest, item)
                if stop.is_set():
                    break
        except BaseException as error:  # raised where the items are used
            failed.append(error)
        finally:
            items.close()
            newest.put(_END)  # after the last item

    thread = Thread(target=make, daemon=True)
    thread.start()
    try:
        while (item := newest.get()) is not _END:
            yield item
        if failed:
            raise failed[0]
    finally:
        stop.set()
        while thread.is_alive():
            _empty(newest)
            thread.join(0.05)


def _replace(newest: Queue, item: Item) -> None:
    _empty(newest)
    newest.put(item)


def _empty(queue: Queue) -> None:
    try:
        queue.get_nowait()
    except Empty:
        pass
