"""Start of the scripts: one-line errors and exit codes."""

import os
import re
import sys
from collections.abc import Callable, Sequence
from io import TextIOWrapper
from pathlib import Path

from .errors import UserError

# Failed allocations, in the words of TensorFlow, and of JAX and ONNX Runtime.
_ALLOCATION = re.compile(
    r"OOM when allocating tensor with shape\[.*?\]|Out of memory.*|Failed to allocate memory.*"
)


def run(main: Callable[[Sequence[str]], None]) -> None:
    """Run a script's `main` on the command line: user errors are one line and exit code 2, Ctrl-C
    is 130."""
    _open_streams()
    try:
        main(sys.argv[1:])
        sys.stdout.flush()
    except UserError as error:
        _stop(f"error: {error}", 2)
    except KeyboardInterrupt as interrupt:
        _stop(": ".join(["interrupted", *map(str, interrupt.args)]), 130)
    except BrokenPipeError:  # the reader of our output, `head` for one, has left
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        at = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
        _stop(f"error: {at}{error.strerror or error}", 2)
    except MemoryError as error:
        _stop(f"error: not enough memory {error}".rstrip(), 2)
    except ModuleNotFoundError as error:
        if (error.name or "src").partition(".")[0] == "src":
            raise
        _stop(f"error: this needs {error.name}, which is not installed: pip install it", 2)
    except Exception as error:
        if not (failed := _ALLOCATION.search(str(error))):
            raise
        _stop(f"error: not enough memory: {failed[0]}", 2)


def _open_streams() -> None:
    """Discard the output of a script whose stdout or stderr is closed, as by pythonw and `>&-`."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # the new file also takes the free descriptor, 1 or 2
            setattr(sys, name, open(os.devnull, "w"))
    if isinstance(sys.stdout, TextIOWrapper):  # not in notebooks
        sys.stdout.reconfigure(errors="backslashreplace")  # as stderr: a file may have any name


def _stop(message: str, code: int) -> None:
    line = " ".join(message.splitlines())  # a library's message may have several lines
    print(f"{Path(sys.argv[0]).name}: {line}", file=sys.stderr)
    sys.exit(code)
