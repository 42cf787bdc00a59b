"""Redirection of library messages on stderr."""

import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from .errors import UserError

_lock = threading.RLock()  # stderr, file descriptor 2, belongs to the whole process


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
