"""Suppression of library messages."""

import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from .errors import UserError
from .files import defer_sigint


@contextmanager
def quiet_import() -> Iterator[None]:
    """Suppress library messages on stderr during imports, unless an import fails.

    TensorFlow writes its first messages before it reads any log level; they would hide a one-line
    error. Ctrl-C is deferred, as libraries swallow it during an import or fail.
    """
    with defer_sigint(), quiet_stderr():
        yield


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Suppress messages on stderr; they are written if the block raises other than `UserError`.

    Blocks of several threads may overlap: the last to end restores stderr.
    """
    sys.stderr.flush()
    try:
        start = _redirection.begin()
    except OSError:  # a full disk: messages are better than an error
        yield
        return
    try:
        yield
    except UserError:
        raise  # without the messages
    except Exception:
        _redirection.show(start)
        raise
    finally:
        _redirection.end()


class _Redirection:
    """Of stderr, file descriptor 2, which the whole process shares, into a temporary file."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._blocks = 0

    def begin(self) -> int:
        """Returns the size of the messages so far in bytes. Raises `OSError`."""
        with self._lock:
            if not self._blocks:
                self._held = tempfile.TemporaryFile()
                self._stderr = os.dup(2)
                os.dup2(self._held.fileno(), 2)
            self._blocks += 1
            return os.fstat(self._held.fileno()).st_size

    def show(self, start: int) -> None:
        """Write the messages from byte `start` on to stderr."""
        size = os.fstat(self._held.fileno()).st_size
        os.write(self._stderr, os.pread(self._held.fileno(), size - start, start))

    def end(self) -> None:
        with self._lock:
            self._blocks -= 1
            if not self._blocks:
                os.dup2(self._stderr, 2)
                os.close(self._stderr)
                self._held.close()


_redirection = _Redirection()
