"""What the scripts share: their parser, their argument types, and how they end."""

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

from src.errors import UserError
from src.quiet import quiet_import as quiet_import


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


def probability(text: str) -> float:
    return _number(text, float, "a number from 0 to 1", lambda value: 0 <= value <= 1)


def share(text: str) -> float:
    return _number(text, float, "a number from 0 to below 1", lambda value: 0 <= value < 1)


def weight(text: str) -> float:
    return _number(text, float, "a number from 0 up", lambda value: 0 <= value < float("inf"))


def margin(text: str) -> float:
    return _number(text, float, "a number from 0 to 10", lambda value: 0 <= value <= 10)


def add_weight_arguments(parser: argparse.ArgumentParser, several: bool = False) -> None:
    """Add the flags that name a model; `several` lets --weight_file name more than one."""
    parser.add_argument(
        "--weight_file",
        type=Path,
        nargs="+" if several else None,
        help="path to weight file (e.g. weights.28-3.73.hdf5)"
        + ("; others are compared with the first" if several else "")
        + " (default: the weights that ship)",
    )
    old = "; only needed by old weight files that do not say"
    parser.add_argument("--depth", type=int, default=16, help="depth of network" + old)
    parser.add_argument("--width", type=positive_int, default=8, help="width of network" + old)


def add_runtime_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--runtime",
        choices=("keras", "onnx", "litert", "saved_model"),
        help="what runs the weight file, which may be one that export.py made "
        "(default: by its name: .onnx, .tflite, a folder is saved_model, else keras)",
    )


def add_evaluation_arguments(parser: argparse.ArgumentParser, output: Path | None) -> None:
    parser.add_argument(
        "--output",
        type=Path,
        default=output,
        help="folder for results.json, results.csv and report.html",
    )
    parser.add_argument(
        "--force", action="store_true", help="write over an evaluation that is in that folder"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the bootstrap")
    parser.add_argument(
        "--resamples", type=positive_int, default=1000, help="resamples of the bootstrap"
    )


def _number(text: str, kind: type, expected: str, accepts: Callable) -> int | float:
    try:
        value = kind(text)
    except ValueError:
        value = None
    if value is None or not accepts(value):
        raise argparse.ArgumentTypeError(f"expected {expected}, received {text!r}")
    return value


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
