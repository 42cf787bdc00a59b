"""Several machines in one run, through JAX's distributed runtime."""

import atexit
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import keras
import numpy as np

from ..errors import UserError

HEARTBEAT = 30  # seconds without a heartbeat after which a host counts as lost
_LOST = (
    "another host was lost (or this process killed), or one did not start within 5 minutes; start "
    "all of them again, with --resume to continue after the last completed epoch"
)
_LOST_IN = ("gloo", "nccl", "coordination service", "distributed service", "heartbeat")
_DIFFERENT = (
    "--hosts: expected the same flags, databases, --init and --output_path on all hosts, "
    "received different ones"
)
# Lives until its pipe closes; reports a lost host if nothing was written to the pipe before.
_REPORTER = "import sys; sys.stdin.read() or sys.exit(sys.argv[1])"


@contextmanager
def joined(hosts: str, count: int | None, number: int | None) -> Iterator[None]:
    """Within the block, JAX's devices are those of all hosts.

    hosts: "HOST:PORT" of the first host, or "auto". count: number of hosts. number: of this host,
        from 0. Missing values come from the environment: `from_environment`.
    Raises `UserError` if the environment lacks them too, or the hosts do not agree. Ends the
    process, with one line, if another host is lost.
    """
    import jax

    address, count, number = from_environment(None if hosts == "auto" else hosts, count, number)
    known = None not in (address, count, number)
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    reporter = _start_reporter()
    try:
        _initialize(
            address,
            count,
            number,
            cluster_detection_method="deactivate" if known else None,
            heartbeat_timeout_seconds=HEARTBEAT,
        )
        if not is_first_host():
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        yield
    except BaseException as error:
        _fail(error, reporter)
        raise
    reporter.communicate(b"done")


def _initialize(*hosts, **options) -> None:
    import jax

    try:
        jax.distributed.initialize(*hosts, **options)
    except ValueError as error:
        raise UserError(
            "--hosts: expected HOST:PORT, --num_hosts and --host_id, or an environment that sets "
            f"them: {error}"
        ) from error


def _start_reporter() -> subprocess.Popen:
    """Start a process that reports a lost host when JAX ends this process.

    Silences JAX's own messages, but not Python's stderr.
    """
    line = f"{Path(sys.argv[0]).name}: error: {_LOST}"
    command = [sys.executable, "-I", "-c", _REPORTER, line]
    reporter = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1, errors="backslashreplace")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    return reporter


def _fail(error: BaseException, reporter: subprocess.Popen) -> None:
    """End the process by `error` without waiting for the other hosts, as JAX would."""
    message = str(error).lower()
    code = {KeyboardInterrupt: 130, UserError: 2}.get(type(error), 1)
    if code == 1 and any(word in message for word in _LOST_IN):
        sys.stdout.flush()
        os._exit(2)  # the reporter reports why
    atexit.register(_exit, code, reporter)
    if code == 1 and "not the same on each process" in message:
        atexit.register(_exit, 2, reporter)
        raise UserError(_DIFFERENT) from error


def _exit(code: int, reporter: subprocess.Popen) -> None:
    if is_first_host():
        time.sleep(1)  # the other hosts end with this one: let them print first
    reporter.communicate(b"failed")
    sys.stdout.flush()
    os._exit(code)


def from_environment(
    address: str | None, count: int | None, number: int | None
) -> tuple[str | None, int | None, int | None]:
    """`address`, `count` and `number`, by default from JAX_COORDINATOR_ADDRESS, JAX_NUM_PROCESSES
    and JAX_PROCESS_ID. If these are not set, None lets JAX ask the scheduler (Slurm, Open MPI).
    """

    def variable(name: str) -> int | None:
        text = os.environ.get(name)
        if text and not text.isdecimal():
            raise UserError(f"{name}: expected a whole number, received {text!r}")
        return int(text) if text else None

    address = address or os.environ.get("JAX_COORDINATOR_ADDRESS")
    count = variable("JAX_NUM_PROCESSES") if count is None else count
    number = variable("JAX_PROCESS_ID") if number is None else number
    return address, count, number


def is_first_host() -> bool:
    """Whether this process prints and writes files."""
    if keras.backend.backend() != "jax":
        return True
    import jax

    return jax.process_index() == 0


def check_agreed(content: bytes) -> None:
    """Raise `UserError` on all hosts unless `content` is the same on all of them."""
    from jax.experimental.multihost_utils import process_allgather

    digest = np.frombuffer(sha256(content).digest(), np.uint8)
    all_hosts = process_allgather(digest).reshape(-1, digest.size)
    if (all_hosts != digest).any():
        raise UserError(_DIFFERENT)
