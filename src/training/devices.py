"""What a run computes on."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version

import keras


def list_devices() -> list[str]:
    """Names of the accelerators, or else of the CPUs: "gpu:0", "gpu:1", ..."""
    devices = keras.distribution.list_devices()
    return [device for device in devices if not device.startswith("cpu")] or devices


def has_accelerator() -> bool:
    return not list_devices()[0].startswith("cpu")


def use_xla() -> bool:
    """Whether XLA compiles the steps: on CPUs TensorFlow's own kernels, oneDNN's, are faster."""
    return keras.backend.backend() != "tensorflow" or has_accelerator()


def backend_version() -> str:
    """The backend and its version: "tensorflow 2.21.0"."""
    name = keras.backend.backend()
    return f"{name} {version(name)}"


@contextmanager
def precision(mixed: bool) -> Iterator[None]:
    """Layers made within the block compute in bfloat16, if `mixed`; weights stay float32.

    Micikevicius et al., "Mixed precision training", ICLR 2018, https://arxiv.org/abs/1710.03740;
    bfloat16 has float32's range, so that no loss need be scaled.
    """
    before = keras.config.dtype_policy()
    if mixed:
        keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
