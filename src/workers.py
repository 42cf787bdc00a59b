"""Work for several processes."""

import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from threading import Thread
from typing import TypeVar

Task, Done = TypeVar("Task"), TypeVar("Done")


def available_cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def processes(workers: int) -> ProcessPoolExecutor:
    """New processes, as some libraries cannot be forked, that leave Ctrl-C to this one."""
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_begin)
    with _blocking_ctrl_c():  # which new processes inherit, so that none dies of it while it starts
        for _ in range(workers):
            pool.submit(int)  # starts one
    return pool


@contextmanager
def _blocking_ctrl_c() -> Iterator[None]:
    """Let Ctrl-C wait until the block is done, where signals can be blocked: not on Windows."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A parent that is killed cannot end its processes, and they would wait for work for ever."""
    parent_process().join()
    os._exit(1)


def in_order(
    pool: Executor, function: Callable[[Task], Done], tasks: Iterable[Task], most: int
) -> Iterator[Done]:
    """What `function` makes of each task, in the tasks' order; at most `most` are under way."""
    running = deque()
    for task in tasks:
        running.append(pool.submit(function, task))
        while running and (len(running) >= most or running[0].done()):
            yield running.popleft().result()
    while running:
        yield running.popleft().result()
