"""A Dask cluster of processes on loopback."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.helpers import ROOT


@contextmanager
def cluster(
    folder: Path, workers: int, *args: str, **environment: str
) -> Iterator[tuple[str, list[subprocess.Popen]]]:
    """A scheduler's address, and its worker processes, started with `args` and `environment`."""
    folder.mkdir(exist_ok=True)
    file = folder / "scheduler.json"
    shared = ["--scheduler-file", str(file), "--no-dashboard"]
    worker = ["worker", "--nthreads", "1", "--no-nanny", "--local-directory", str(folder), *args]
    with ExitStack() as stack:
        local = ["--host", "127.0.0.1", "--port", "0"]
        stack.enter_context(_running(folder, "scheduler", *local, *shared))
        command = [*worker, *shared]
        started = [
            stack.enter_context(_running(folder, *command, **environment)) for _ in range(workers)
        ]
        deadline = time.monotonic() + 60
        while not file.exists() or not file.stat().st_size:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield json.loads(file.read_text())["address"], started


@contextmanager
def _running(folder: Path, *args: str, **variables: str) -> Iterator[subprocess.Popen]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    with (folder / f"{args[0]}.log").open("a") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "dask", *args],
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=log,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
