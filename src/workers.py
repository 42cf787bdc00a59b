"""Parallel work: local processes, threads or a cluster."""

import os
import signal
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from multiprocessing import get_context, parent_process
from pathlib import Path
from threading import Thread
from typing import TypeVar

from . import __version__, cluster

Task, Done = TypeVar("Task"), TypeVar("Done")


def map_in_order(
    function: Callable[[Task], Done],
    tasks: Iterable[Task],
    *,
    workers: int | None = None,
    threads: bool = False,
    scheduler: str | None = None,
    folder: Path = Path(),
) -> Generator[Done]:
    """Results of `function` for each task, in order, with two pending tasks per worker.

    Functions, tasks and results are pickled, except with `threads`. Close the generator to stop
    early.

    Args:
        function: called with each task.
        tasks: taken as workers become free.
        workers: number of local processes or threads; None for one per core.
        threads: whether workers are threads.
        scheduler: address of a Dask scheduler, to use its workers instead of local ones.
        folder: folder of the tasks' files, which the scheduler's workers must have too.
    """
    if scheduler:
        function = partial(cluster.run_on_worker, function, __version__, os.path.abspath(folder))
        with cluster.connected(scheduler) as (pool, count):
            yield from in_order(pool, function, tasks, lambda: 2 * count())
        return
    workers = workers or available_cores()
    pool = ThreadPoolExecutor(workers) if threads else processes(workers)
    try:
        yield from in_order(pool, function, tasks, lambda: 2 * workers)
    finally:
        pool.shutdown(cancel_futures=True)


def available_cores() -> int:
    """The number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def processes(workers: int) -> ProcessPoolExecutor:
    """A pool of spawned processes, as some libraries cannot be forked. They ignore Ctrl-C."""
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_begin)
    can_block = hasattr(signal, "pthread_sigmask")  # Windows cannot
    if can_block:  # inherited by the processes while they start
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    for _ in range(workers):
        pool.submit(int)  # starts one
    if can_block:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return pool


def _begin() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process when its parent ends, even if the parent is killed."""
    parent_process().join()
    os._exit(1)


def in_order(
    pool: Executor,
    function: Callable[[Task], Done],
    tasks: Iterable[Task],
    maximum: Callable[[], int],
) -> Iterator[Done]:
    """Results of `function` for each task, in order, with at most `maximum()` pending tasks."""
    running = deque()
    for task in tasks:
        running.append(pool.submit(function, task))
        while running and (len(running) >= maximum() or running[0].done()):
            yield running.popleft().result()
    while running:
        yield running.popleft().result()
