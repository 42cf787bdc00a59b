"""Prefetching in threads."""

from collections import deque
from collections.abc import Generator
from threading import Condition, Event, Thread
from typing import TypeVar

Item = TypeVar("Item")
_DEPTH = 2  # items
_POLL = 0.05  # seconds between two looks at `stop`
_TIMEOUT = 2.0  # seconds to wait for the end of a producer


def prefetch(items: Generator[Item], stop: Event, live: bool = False) -> Generator[Item]:
    """Items that another thread produces, up to two ahead; with `live` only the newest one.

    Ends with the items, whose exceptions are raised here, or when `stop` is set, even if the next
    item never comes: the thread of a hanging camera ends with the program. Sets `stop` if it is
    closed early. `items` is closed at the end.
    """
    ready, failed, changed = deque(maxlen=1 if live else None), [], Condition()

    def produce() -> None:
        try:
            for item in items:
                with changed:
                    while not live and len(ready) >= _DEPTH and not stop.is_set():
                        changed.wait(_POLL)
                    ready.append(item)
                    changed.notify()
                if stop.is_set():
                    break
        except BaseException as error:  # raised where the items are used
            failed.append(error)
        finally:
            items.close()

    thread = Thread(target=produce, daemon=True)
    thread.start()
    try:
        while not stop.is_set():
            is_alive = thread.is_alive()  # asked before, so that the last item is not missed
            with changed:
                if not ready and is_alive:
                    changed.wait(_POLL)
                item = [ready.popleft()] if ready else []
                changed.notify()
            yield from item
            if not (item or is_alive):
                break
    except BaseException:
        stop.set()
        raise
    finally:
        thread.join(_TIMEOUT)
    if failed:
        raise failed[0]
