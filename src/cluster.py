"""Dask clusters: connection, and checks of each worker."""

import logging
import os
import re
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Executor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

from . import __version__
from .errors import UserError
from .extras import library
from .flags import flag

Task, Done = TypeVar("Task"), TypeVar("Done")

_CONNECT_SECONDS = 30
_PACKAGES = ("opencv-python", "pillow", "onnxruntime", "dlib-bin")  # next to Dask's own and NumPy


def _address(text: str) -> str:
    if not re.fullmatch(r"(tcp|tls|ucx|wss?)://[^/\s]+:\d+/?", text):
        raise UserError(f"expected tcp://host:8786, received {text!r}")
    return text


@dataclass(frozen=True, kw_only=True)
class SchedulerFlags:
    """The scheduler of a cluster, shared by scripts."""

    scheduler: str | None = flag(
        None,
        help="Dask scheduler, as tcp://host:8786, for workers on several machines; see "
        "docs/distributed.md (default: processes on this machine)",
        group="processes",
        metavar="ADDRESS",
        parse=_address,
    )


@contextmanager
def connected(address: str) -> Iterator[tuple[Executor, Callable[[], int]]]:
    """The workers of the Dask scheduler at `address` as an executor, and a function that returns
    their current number.

    If a worker is lost, another worker repeats its task; a task that loses four workers in a row
    fails. Raises `UserError` if the scheduler cannot be reached, has no worker within 30 seconds or
    is lost, or if a task fails with its workers.
    """
    distributed = library("distributed", "dask[distributed]")
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # errors are raised here
    try:
        client = distributed.Client(
            address, timeout=_CONNECT_SECONDS, set_as_default=False, direct_to_workers=True
        )
    except (OSError, ValueError) as error:
        raise UserError(f"--scheduler: expected a Dask scheduler at {address}: {error}") from error
    with client:
        _check_workers(client, address)
        try:
            yield client.get_executor(), lambda: max(1, len(client.nthreads()))  # they come and go
        except (CancelledError, distributed.comm.CommClosedError) as error:
            raise UserError(
                f"--scheduler: lost the connection to {address}; start the scheduler again, then "
                "rerun the command, with --resume if the script has it"
            ) from error
        except distributed.KilledWorker as error:
            raise UserError(f"--scheduler: {error}") from error
        except (ModuleNotFoundError, RuntimeError) as error:
            if not _is_without_toolkit(error):
                raise
            raise UserError(
                "--scheduler: scheduler or workers cannot import the toolkit; start both with "
                "python -m dask in the toolkit's folder"
            ) from error


def _check_workers(client, address: str) -> None:
    """Raise `UserError` if there are no workers, or one of them has other versions of the libraries
    that affect the pixels of a face."""
    try:
        client.wait_for_workers(1, timeout=_CONNECT_SECONDS)
    except TimeoutError as error:
        raise UserError(
            f"--scheduler: expected workers at {address}, received none in {_CONNECT_SECONDS} "
            f"seconds; start some with python -m dask worker {address} --nthreads 1"
        ) from error
    versions = client.get_versions(packages=_PACKAGES)
    for worker, found in versions["workers"].items():
        for name, own in versions["client"]["packages"].items():
            other = found["packages"].get(name)
            if other != own:
                raise UserError(
                    f"--scheduler: worker {worker}: expected {name} {own}, received {other}; use "
                    "one installation everywhere"
                )


def _is_without_toolkit(error: Exception) -> bool:
    """Whether a scheduler, or a worker, could not unpickle a task without this package."""
    if isinstance(error, ModuleNotFoundError):
        return (error.name or "").partition(".")[0] == __package__
    return str(error).startswith("Error during deserialization")


def run_on_worker(function: Callable[[Task], Done], version: str, folder: str, task: Task) -> Done:
    """Return `function(task)`, on a worker of a cluster.

    Raises `UserError`, with the worker's address, if the worker has several threads, another
    `version` of the toolkit, or an empty `folder`, the shared storage.
    """
    from distributed import get_worker

    worker = get_worker()
    try:
        if worker.state.nthreads != 1:
            raise UserError("expected one thread; start it with --nthreads 1")
        if version != __version__:
            raise UserError(f"expected version {version} of the toolkit, received {__version__}")
        _check_storage(folder)
        return function(task)
    except UserError as error:
        raise UserError(f"--scheduler: worker {worker.address}: {error}") from error


@lru_cache
def _check_storage(folder: str) -> None:
    if not os.path.isdir(folder) or not os.listdir(folder):
        raise UserError(f"expected shared storage at {folder}, found nothing there")
