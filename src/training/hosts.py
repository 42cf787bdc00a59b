"""Several machines in one run, through JAX's distributed runtime."""

import os
from hashlib import sha256

import keras
import numpy as np

from ..errors import UserError


def initialize(hosts: str, count: int | None, host_id: int | None) -> None:
    """Join JAX's devices on all hosts, until the process ends.

    Args:
        hosts: "HOST:PORT" of the first host, or "auto".
        count: number of hosts.
        host_id: index of this host, from 0. Missing values come from the environment:
            `from_environment`.

    Raises:
        UserError: the environment lacks them too.
    """
    import jax

    address, count, host_id = from_environment(None if hosts == "auto" else hosts, count, host_id)
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    is_known = None not in (address, count, host_id)
    try:
        jax.distributed.initialize(
            address,
            count,
            host_id,
            cluster_detection_method="deactivate" if is_known else None,
        )
    except ValueError as error:
        raise UserError(
            "--hosts: expected HOST:PORT, --num_hosts and --host_id, or an environment that sets "
            f"them: {error}"
        ) from error


def from_environment(
    address: str | None, count: int | None, host_id: int | None
) -> tuple[str | None, int | None, int | None]:
    """`address`, `count` and `host_id`, by default from JAX_COORDINATOR_ADDRESS, JAX_NUM_PROCESSES
    and JAX_PROCESS_ID. If these are not set, None lets JAX ask the scheduler (Slurm, Open MPI).
    """

    def variable(name: str) -> int | None:
        text = os.environ.get(name)
        if text and not text.isdecimal():
            raise UserError(f"{name}: expected a whole number, received {text!r}")
        return int(text) if text else None

    address = address or os.environ.get("JAX_COORDINATOR_ADDRESS")
    count = variable("JAX_NUM_PROCESSES") if count is None else count
    host_id = variable("JAX_PROCESS_ID") if host_id is None else host_id
    return address, count, host_id


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
        raise UserError(
            "--hosts: expected the same flags, databases, --init and --output_path on all hosts, "
            "received different ones"
        )
