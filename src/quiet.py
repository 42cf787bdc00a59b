"""Libraries at work without a word."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from src.errors import UserError
from src.files import uninterrupted


@contextmanager
def quiet_import() -> Iterator[None]:
    """Hold back what libraries write to stderr while they load, unless loading fails.

    TensorFlow's first notes come before any log level is read, and would bury a one-line error.
    Ctrl-C waits too: libraries that load swallow it, or fail by it with an error of their own.
    """
    with uninterrupted(), quiet_stderr():
        yield


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Hold back what is written to stderr; it is told where the block fails by a bug."""
    sys.stderr.flush()
    with ExitStack() as stack:
        try:
            held = stack.enter_context(tempfile.TemporaryFile())
        except OSError:  # no room for one: better noise than an error
            yield
            return
        kept = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        except UserError:
            raise  # its one line says all that a person needs
        except Exception:
            held.seek(0)
            os.write(kept, held.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
