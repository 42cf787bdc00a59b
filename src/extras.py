"""Libraries imported at first use, models inside PyPI packages, and objects named in registries."""

import importlib
import importlib.util
import os
import pkgutil
import platform
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from .errors import UserError
from .files import defer_sigint

BACKENDS = ("tensorflow", "jax")  # of Keras; the toolkit does not support torch
_AVX = 10  # OpenCV's number of the instruction set
_lock = threading.RLock()  # stderr, file descriptor 2, belongs to the whole process


def resolve(name: str) -> Any:
    """The object that a registry names as "module:object"; ".module" is one of this package."""
    return pkgutil.resolve_name(f"{__package__}{name}" if name.startswith(".") else name)


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Hide messages on stderr, unless the block raises an exception other than `UserError`.

    TensorFlow writes its first messages before it reads any log level.
    """
    with _lock, tempfile.TemporaryFile() as messages:
        stderr = os.dup(2)
        os.dup2(messages.fileno(), 2)
        try:
            yield
        except UserError:
            raise
        except Exception:
            messages.seek(0)
            os.write(stderr, messages.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


def library(module: str, package: str | None = None) -> ModuleType:
    """Import a library, without its messages.

    Ctrl-C is deferred, as TensorFlow and pandas may swallow it during their import.
    Raises `UserError` with the install command if it is missing, and if the processor cannot run
    TensorFlow.
    """
    if sys.modules.get(module):
        return importlib.import_module(module)  # waits if another thread has not finished it
    if module.partition(".")[0] == "tensorflow":
        _check_processor()
    package = package or module
    try:
        with defer_sigint(), quiet_stderr():
            return importlib.import_module(module)
    except ImportError as error:
        raise UserError(f"this needs {package}: pip install {package} ({error})") from error


def import_keras() -> ModuleType:
    """Import Keras and its backend, without their messages.

    Call it before the first import of a module that imports Keras.
    Raises `UserError` if the backend is not supported or not installed.
    """
    backend = os.environ.get("KERAS_BACKEND") or BACKENDS[0]
    if backend not in BACKENDS:
        raise UserError(f"KERAS_BACKEND: expected {' or '.join(BACKENDS)}, received {backend!r}")
    library(backend)
    return library("keras")


def _check_processor() -> None:
    """Raise `UserError` if TensorFlow would abort the process for lack of AVX."""
    import cv2

    if platform.machine() in ("x86_64", "AMD64") and not cv2.checkHardwareSupport(_AVX):
        raise UserError(
            "TensorFlow needs a processor with AVX instructions, which this one lacks; "
            "use an ONNX file, or another computer"
        )


def package_file(package: str, file: str, requirement: str) -> Path:
    """A file of an installed PyPI package, found without importing the package.

    Raises `UserError` if it is not installed.
    """
    spec = importlib.util.find_spec(package)
    path = spec and Path(spec.submodule_search_locations[0], file)
    if not path or not path.is_file():
        raise UserError(f"this needs the model {file}: pip install {requirement}")
    return path
