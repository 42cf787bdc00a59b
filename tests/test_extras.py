"""src/extras.py: optional libraries, Keras's backend, the processor."""

import os
import sys
from contextlib import nullcontext

import cv2
import pytest

from src import extras
from src.errors import UserError
from src.extras import quiet_stderr


def test_missing_library_is_named():
    with pytest.raises(UserError, match="pip install no-such-library"):
        extras.library("no_such_library", "no-such-library")


def test_other_backends_are_refused(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    with pytest.raises(UserError, match="tensorflow or jax, received 'torch'"):
        extras.import_keras()


def test_missing_backend_is_named(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    monkeypatch.setitem(sys.modules, "jax", None)  # its import fails
    with pytest.raises(UserError, match="pip install jax"):
        extras.import_keras()


def test_processor_without_avx(monkeypatch):
    """TensorFlow would abort the process."""
    monkeypatch.setattr(cv2, "checkHardwareSupport", lambda feature: False)
    monkeypatch.setattr(extras.platform, "machine", lambda: "x86_64")
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    with pytest.raises(UserError, match="AVX"):
        extras.library("tensorflow")


@pytest.mark.parametrize(
    "error, shown", [(None, ""), (ImportError, "libcuda.so is missing\n"), (UserError, "")]
)
def test_messages_are_shown_with_failures(capfd, error, shown):
    with pytest.raises(error) if error else nullcontext(), quiet_stderr(), quiet_stderr():
        os.write(2, b"libcuda.so is missing\n")
        if error:
            raise error
    os.write(2, b"afterwards\n")
    assert capfd.readouterr().err == f"{shown}afterwards\n"
