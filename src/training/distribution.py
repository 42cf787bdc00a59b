"""Devices, precision, and distribution over this machine's or several machines' devices.

Data parallelism, as Keras documents it: every device has the whole network and a part of each
batch. See docs/distributed.md.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stdout
from dataclasses import dataclass
from importlib.metadata import version
from io import StringIO

import keras
import numpy as np

from ..errors import UserError
from .arguments import Arguments
from .hosts import initialize, is_first_host


@dataclass(frozen=True)
class Devices:
    """The devices of a run, and the part of a batch that this process loads.

    names: of the devices of all processes.  process, processes: index and number of this process.
    """

    names: list[str]
    process: int = 0
    processes: int = 1

    @property
    def are_many(self) -> bool:
        return len(self.names) > 1

    def steps(self, faces: int, batch_size: int) -> int:
        """Training steps per epoch: several devices drop the last batch if it is smaller."""
        return faces // batch_size if self.are_many else -(-faces // batch_size)

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


def use_xla(devices: Devices) -> bool:
    """Whether XLA compiles the steps: on CPUs TensorFlow's oneDNN kernels are faster, and its
    strategy for several devices does not support it."""
    if keras.backend.backend() != "tensorflow":
        return True
    return has_accelerator() and not devices.are_many


def backend_version() -> str:
    """The backend and its version: "tensorflow 2.21.0"."""
    name = keras.backend.backend()
    return f"{name} {version(name)}"


@contextmanager
def precision(mixed: bool) -> Iterator[None]:
    """Layers built within the block compute in bfloat16, if `mixed`; weights stay float32.

    Micikevicius et al., "Mixed precision training", ICLR 2018, https://arxiv.org/abs/1710.03740;
    bfloat16 has float32's range, so that the loss needs no scaling.
    """
    before = keras.config.dtype_policy()
    if mixed:
        keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


@contextmanager
def distributed(arguments: Arguments) -> Iterator[Devices]:
    """Within the block, models are built and trained on the devices that `arguments` select.

    Raises `UserError` if the devices cannot share a batch evenly.
    """
    engine = keras.backend.backend()
    if arguments.hosts and engine != "jax":
        raise UserError(
            f"--hosts: expected Keras on JAX, found {engine}, which does not support several "
            "machines in Keras 3's fit; set KERAS_BACKEND=jax"
        )
    if not (arguments.hosts or arguments.distribute):
        yield Devices(list_devices()[:1])
    elif engine == "jax":
        if arguments.hosts:
            initialize(arguments.hosts, arguments.num_hosts, arguments.host_id)
        import jax

        devices = Devices(list_devices(), jax.process_index(), jax.process_count())
        _check_batch_size(arguments.batch_size, devices)
        parallel = keras.distribution.DataParallel(auto_shard_dataset=False)
        with parallel.scope(), nullcontext() if is_first_host() else redirect_stdout(StringIO()):
            yield devices
    else:
        import tensorflow as tf

        if arguments.accumulate > 1:
            raise UserError(
                "--accumulate: expected one device or Keras on JAX, received --distribute with "
                "TensorFlow, whose strategy does not support it; set KERAS_BACKEND=jax"
            )
        devices = Devices(list_devices())
        _check_batch_size(arguments.batch_size, devices)
        with tf.distribute.MirroredStrategy(devices.names).scope():
            yield devices


def _check_batch_size(batch_size: int, devices: Devices) -> None:
    count = len(devices.names)
    if batch_size % count:
        raise UserError(
            f"--batch_size: expected a multiple of the {count} devices, which share each batch, "
            f"received {batch_size}; pass {-(-batch_size // count) * count}"
        )
