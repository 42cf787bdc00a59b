"""What the scripts share: their parser, their argument types, and how they end."""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from src.errors import UserError
from src.files import uninterrupted


class _Formatter(argparse.ArgumentDefaultsHelpFormatter):
    """Adds "(default: ...)" to every help text that does not say its default itself."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if "(default" in (action.help or ""):
            return action.help
        return super()._get_help_string(action)


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line."""

    def __init__(self, description: str):
        super().__init__(description=description, formatter_class=_Formatter)

    def error(self, message: str):
        self.exit(2, f"{self.prog}: error: {message}\n")


def positive_int(text: str) -> int:
    return _number(text, int, "a whole number above 0", lambda value: value > 0)


def positive_float(text: str) -> float:
    return _number(text, float, "a number above 0", lambda value: 0 < value < float("inf"))


def fraction(text: str) -> float:
    return _number(text, float, "a number between 0 and 1", lambda value: 0 < value < 1)


def margin(text: str) -> float:
    return _number(text, float, "a number from 0 to 10", lambda value: 0 <= value <= 10)


def add_weight_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--weight_file", type=Path, help="path to weight file (e.g. weights.28-3.73.hdf5)"
    )
    old = "; only needed by old weight files that do not say"
    parser.add_argument("--depth", type=int, default=16, help="depth of network" + old)
    parser.add_argument("--width", type=positive_int, default=8, help="width of network" + old)


def _number(text: str, kind: type, expected: str, accepts: Callable) -> int | float:
    try:
        value = kind(text)
    except ValueError:
        value = None
    if value is None or not accepts(value):
        raise argparse.ArgumentTypeError(f"expected {expected}, received {text!r}")
    return value


@contextmanager
def quiet_import() -> Iterator[None]:
    """Hold back what libraries write to stderr while they load, unless loading fails.

    TensorFlow's first notes come before any log level is read, and would bury a one-line error.
    Ctrl-C waits too: libraries that load swallow it, or fail by it with an error of their own.
    """
    sys.stderr.flush()
    with uninterrupted(), ExitStack() as stack:
        try:
            held = stack.enter_context(tempfile.TemporaryFile())
        except OSError:  # no room for one: better noise than an error
            yield
            return
        kept = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        except Exception:
            held.seek(0)
            os.write(kept, held.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def run(main: Callable[[], None]) -> None:
    """Run a script's `main`: user errors are one line and exit code 2, Ctrl-C is 130."""
    sys.stdout.reconfigure(errors="backslashreplace")  # as stderr: a file may have any name
    try:
        main()
        sys.stdout.flush()
    except UserError as error:
        _stop(f"error: {error}", 2)
    except KeyboardInterrupt as interrupt:
        _stop(": ".join(["interrupted", *map(str, interrupt.args)]), 130)
    except BrokenPipeError:  # the reader of our output, `head` say, has left
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _stop(message: str, code: int) -> None:
    line = " ".join(message.splitlines())  # what a library says may end in a line break
    print(f"{Path(sys.argv[0]).name}: {line}", file=sys.stderr)
    sys.exit(code)
