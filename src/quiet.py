"""Suppression of library messages."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from src.errors import UserError
from src.files import uninterrupted


@contextmanager
def quiet_import() -> Iterator[None]:
    """Suppress library messages on stderr during imports, unless an import fails.

    TensorFlow writes its first messages before it reads any log level; they would hide a one-line
    error. Ctrl-C is deferred, as libraries swallow it during an import or fail.
    """
    with uninterrupted(), quiet_stderr():
        yield


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Suppress messages on stderr; they are written if the block raises other than `UserError`."""
    sys.stderr.flush()
    with ExitStack() as stack:
        try:
            held = stack.enter_context(tempfile.TemporaryFile())
        except OSError:  # a full disk: messages are better than an error
            yield
            return
        kept = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        except UserError:
            raise  # without the messages
        except Exception:
            held.seek(0)
            os.write(kept, held.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
