"""Parallel work: threads or a Dask cluster."""

import logging
import os
import platform
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import CancelledError, Executor, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib import metadata
from pathlib import Path
from typing import TypeVar

from . import __version__
from .errors import UserError
from .extras import library
from .flags import flag

Task, Done = TypeVar("Task"), TypeVar("Done")

_CONNECT_SECONDS = 30
_PACKAGES = ("numpy", "opencv-python", "pillow", "onnxruntime", "dlib-bin")  # affect faces' pixels


@dataclass(frozen=True, kw_only=True)
class SchedulerFlags:
    """The scheduler of a cluster, shared by scripts."""

    scheduler: str | None = flag(
        None,
        help="Dask scheduler, as tcp://host:8786, for workers on several machines; see "
        "docs/distributed.md (default: threads)",
        group="parallel work",
        metavar="ADDRESS",
    )


def map_in_order(
    function: Callable[[Task], Done],
    tasks: Iterable[Task],
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    folder: Path = Path(),
) -> Generator[Done]:
    """Results of `function` for each task, in order, with two pending tasks per worker.

    They are threads of this process, as OpenCV, dlib and ONNX Runtime release Python's lock, or a
    cluster's, for which function, tasks and results are pickled. Close the generator to stop early.

    Args:
        function: called with each task.
        tasks: taken as workers become free.
        workers: number of threads; None for one per core.
        scheduler: address of a Dask scheduler, to use its workers.
        folder: folder of the tasks' files, which the scheduler's workers must have too.
    """
    if scheduler:
        versions = tuple(installed_versions().items())
        function = partial(_run_on_worker, function, versions, os.path.abspath(folder))
        with _connected(scheduler) as (pool, count):
            yield from in_order(pool, function, tasks, lambda: 2 * count())
        return
    import cv2

    workers = workers or available_cores()
    pool = ThreadPoolExecutor(workers, initializer=cv2.setNumThreads, initargs=(1,))
    try:
        yield from in_order(pool, function, tasks, lambda: 2 * workers)
    finally:
        pool.shutdown(cancel_futures=True)


def available_cores() -> int:
    """The number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


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


@contextmanager
def _connected(address: str) -> Iterator[tuple[Executor, Callable[[], int]]]:
    """The workers of the Dask scheduler at `address` as an executor, and a function that returns
    their current number of threads.

    If a worker is lost, another worker repeats its task; a task that loses four workers in a row
    fails. Raises `UserError` if the scheduler cannot be reached, has no worker within 30 seconds or
    is lost, or if a task fails with its workers.
    """
    distributed = library("distributed", "dask[distributed]")
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # errors are raised here
    try:
        distributed.comm.get_address_host_port(address, strict=True)  # a client would not close
        client = distributed.Client(
            address, timeout=_CONNECT_SECONDS, set_as_default=False, direct_to_workers=True
        )
    except (OSError, ValueError) as error:
        raise UserError(f"--scheduler: expected a Dask scheduler at {address}: {error}") from error
    with client:
        try:
            client.wait_for_workers(1, timeout=_CONNECT_SECONDS)
        except TimeoutError as error:
            raise UserError(
                f"--scheduler: expected workers at {address}, received none in {_CONNECT_SECONDS} "
                f"seconds; start some with python -m dask worker {address} --nthreads 1"
            ) from error
        try:
            yield client.get_executor(), lambda: max(1, sum(client.nthreads().values()))
        except (CancelledError, distributed.comm.CommClosedError) as error:
            raise UserError(
                f"--scheduler: lost the connection to {address}; start the scheduler again, then "
                "rerun the command, with --resume if the script has it"
            ) from error
        except distributed.KilledWorker as error:
            raise UserError(f"--scheduler: {error}") from error
        except (ModuleNotFoundError, RuntimeError) as error:
            name = getattr(error, "name", "") or ""  # of a module that a worker could not import
            if name.partition(".")[0] != __package__ and "deserialization" not in str(error):
                raise
            raise UserError(
                "--scheduler: scheduler or workers cannot import the toolkit; start both with "
                "python -m dask in the toolkit's folder"
            ) from error


def installed_versions() -> dict[str, str]:
    """Versions of the toolkit, Python and the libraries that affect the pixels of a face."""
    found = {"the toolkit": __version__, "Python": platform.python_version()}
    for name in _PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def _run_on_worker(
    function: Callable[[Task], Done], versions: tuple[tuple[str, str], ...], folder: str, task: Task
) -> Done:
    """Return `function(task)`, on a worker of a cluster.

    Raises `UserError`, with the worker's address, if the worker has other `versions` of the
    libraries, or an empty `folder`, the shared storage.
    """
    from distributed import get_worker

    worker = get_worker()
    try:
        _check_worker(versions, folder)
        return function(task)
    except UserError as error:
        raise UserError(f"--scheduler: worker {worker.address}: {error}") from error


@lru_cache
def _check_worker(versions: tuple[tuple[str, str], ...], folder: str) -> None:
    import cv2

    cv2.setNumThreads(1)  # one image per thread
    installed = installed_versions()
    for name, version in versions:
        if version != (own := installed.get(name)):
            raise UserError(
                f"expected version {version} of {name}, received {own}; use one installation "
                "everywhere"
            )
    if not os.path.isdir(folder) or not os.listdir(folder):
        raise UserError(f"expected shared storage at {folder}, found nothing there")
