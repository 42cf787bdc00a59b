"""Devices, precision, and distribution over the devices of one or several machines.

Data parallelism, as Keras documents it: every device has the whole network and a part of each
batch. See docs/distributed.md.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stdout
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version
from io import StringIO

import keras
import numpy as np

from ..errors import UserError
from .arguments import Arguments


@dataclass(frozen=True)
class Devices:
    """The devices of a run, and the part of a batch that this process loads."""

    names: list[str]  # of the devices of all processes
    process: int = 0
    processes: int = 1

    @property
    def are_many(self) -> bool:
        return len(self.names) > 1

    @property
    def use_xla(self) -> bool:
        """Whether XLA compiles the steps: on CPUs TensorFlow's oneDNN kernels are faster, and its
        strategy for several devices does not support it."""
        if keras.backend.backend() != "tensorflow":
            return True
        return has_accelerator() and not self.are_many

    def own_rows(self, rows: int) -> tuple[np.ndarray, np.ndarray]:
        """Rows, int64, of a batch of `rows` rows, and whether they are padding, bool.

        Each device has an equal number of rows; padding repeats the last row.
        """
        padded = -(-rows // len(self.names)) * len(self.names)
        each = padded // self.processes
        own = np.arange(self.process * each, (self.process + 1) * each)
        return np.minimum(own, rows - 1), own >= rows


def list_devices() -> list[str]:
    """Names of the accelerators, or of the CPUs if there are none: "gpu:0", "gpu:1", ..."""
    devices = keras.distribution.list_devices()
    return [device for device in devices if not device.startswith("cpu")] or devices


def has_accelerator() -> bool:
    return not list_devices()[0].startswith("cpu")


def backend_version() -> str:
    """The backend and its version: "tensorflow 2.21.0"."""
    name = keras.backend.backend()
    return f"{name} {version(name)}"


@contextmanager
def distributed(arguments: Arguments) -> Iterator[Devices]:
    """Within the block, models are built and trained on the devices that `arguments` select.

    Raises `UserError` if the devices cannot share a batch evenly.
    """
    backend = keras.backend.backend()
    if arguments.hosts:
        if backend != "jax":
            raise UserError(
                f"--hosts: expected Keras on JAX, found {backend}, which does not support several "
                "machines in Keras 3's fit; set KERAS_BACKEND=jax"
            )
        _join_hosts(arguments.hosts, arguments.num_hosts, arguments.host_id)
    elif not arguments.distribute:
        yield Devices(list_devices()[:1])
        return
    if backend == "tensorflow" and arguments.accumulate > 1:
        raise UserError(
            "--accumulate: expected one device or Keras on JAX, received --distribute with "
            "TensorFlow, whose strategy does not support it; set KERAS_BACKEND=jax"
        )
    devices = Devices(list_devices(), *_process())
    count = len(devices.names)
    if arguments.batch_size % count:
        raise UserError(
            f"--batch_size: expected a multiple of the {count} devices, which share each batch, "
            f"received {arguments.batch_size}; pass {-(-arguments.batch_size // count) * count}"
        )
    if backend == "tensorflow":
        import tensorflow as tf

        strategy = tf.distribute.MirroredStrategy(devices.names)
    else:
        strategy = keras.distribution.DataParallel(auto_shard_dataset=False)
    with strategy.scope(), nullcontext() if is_first_host() else redirect_stdout(StringIO()):
        yield devices


def _join_hosts(hosts: str, count: int | None, host_id: int | None) -> None:
    """Join the devices on all hosts through JAX's distributed runtime, until the process ends.

    Raises `UserError` if the environment lacks what the flags lack.
    """
    import jax

    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    address = None if hosts == "auto" else hosts
    detection = None if None in (address, count, host_id) else "deactivate"
    try:
        jax.distributed.initialize(address, count, host_id, cluster_detection_method=detection)
    except ValueError as error:
        raise UserError(
            "--hosts: expected HOST:PORT, --num_hosts and --host_id, or an environment that sets "
            f"them: {error}"
        ) from error


def _process() -> tuple[int, int]:
    """Index and number of this process."""
    if keras.backend.backend() != "jax":
        return 0, 1
    import jax

    return jax.process_index(), jax.process_count()


def is_first_host() -> bool:
    """Whether this process prints and writes files."""
    return _process()[0] == 0


def check_agreed(*values: object) -> None:
    """Raise `UserError` on all hosts unless the values are the same on all of them."""
    from jax.experimental.multihost_utils import process_allgather

    digest = np.frombuffer(sha256(repr(values).encode()).digest(), np.uint8)
    if (process_allgather(digest).reshape(-1, digest.size) != digest).any():
        raise UserError(
            "--hosts: expected the same flags, databases, --init and --output_path on all hosts, "
            "received different ones"
        )
