"""src/extras.py: optional libraries, Keras's backend, the processor."""

import importlib.util
import os

import cv2
import pytest

from src import extras
from src.errors import UserError
from src.extras import quiet_stderr


def test_missing_library_is_named():
    with pytest.raises(UserError, match="pip install no-such-library"):
        extras.library("no_such_library", "no-such-library")


@pytest.mark.parametrize("backend", ["torch", "theano"])
def test_other_backends_are_refused(monkeypatch, backend):
    monkeypatch.setenv("KERAS_BACKEND", backend)
    with pytest.raises(UserError, match=f"tensorflow or jax, received '{backend}'"):
        extras.import_keras()


@pytest.mark.parametrize("backend, other", [("jax", "tensorflow"), ("tensorflow", "jax")])
def test_missing_backend_gets_both_remedies(monkeypatch, backend, other):
    monkeypatch.setenv("KERAS_BACKEND", backend)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name == other or None)
    remedies = f"pip install {backend}, or set KERAS_BACKEND={other}$"
    with pytest.raises(UserError, match=remedies):
        extras.import_keras()


def test_processor_without_avx(monkeypatch):
    """TensorFlow would abort the process."""
    monkeypatch.setattr(cv2, "checkHardwareSupport", lambda feature: False)
    monkeypatch.setattr(extras.platform, "machine", lambda: "x86_64")
    monkeypatch.delitem(extras.sys.modules, "tensorflow", raising=False)
    with pytest.raises(UserError, match="AVX"):
        extras.library("tensorflow")


def test_messages_are_hidden(capfd):
    with quiet_stderr(), quiet_stderr():
        os.write(2, b"a note of the library\n")
    os.write(2, b"afterwards\n")
    assert capfd.readouterr().err == "afterwards\n"


@pytest.mark.parametrize(
    "error, shown", [(ImportError, "libcuda.so is missing\n"), (UserError, "")]
)
def test_messages_of_failures(capfd, error, shown):
    with pytest.raises(error), quiet_stderr():
        os.write(2, b"libcuda.so is missing\n")
        raise error
    assert capfd.readouterr().err == shown
