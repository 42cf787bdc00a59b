"""Several machines in one run, through JAX's distributed runtime."""

from hashlib import sha256

import keras
import numpy as np

from ..errors import UserError


def initialize(hosts: str, count: int | None, host_id: int | None) -> None:
    """Join JAX's devices on all hosts, until the process ends.

    Args:
        hosts: "HOST:PORT" of the first host, or "auto" for what the scheduler sets.
        count: number of hosts.
        host_id: index of this host, from 0.

    Raises:
        UserError: the environment lacks what the arguments lack.
    """
    import jax

    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    is_known = hosts != "auto" and None not in (count, host_id)
    try:
        jax.distributed.initialize(
            None if hosts == "auto" else hosts,
            count,
            host_id,
            cluster_detection_method="deactivate" if is_known else None,
        )
    except ValueError as error:
        raise UserError(
            "--hosts: expected HOST:PORT, --num_hosts and --host_id, or an environment that sets "
            f"them: {error}"
        ) from error


def is_first_host() -> bool:
    """Whether this process prints and writes files."""
    if keras.backend.backend() != "jax":
        return True
    import jax

    return jax.process_index() == 0


def check_agreed(*values: object) -> None:
    """Raise `UserError` on all hosts unless the values are the same on all of them."""
    from jax.experimental.multihost_utils import process_allgather

    digest = np.frombuffer(sha256(repr(values).encode()).digest(), np.uint8)
    all_hosts = process_allgather(digest).reshape(-1, digest.size)
    if (all_hosts != digest).any():
        raise UserError(
            "--hosts: expected the same flags, databases, --init and --output_path on all hosts, "
            "received different ones"
        )
