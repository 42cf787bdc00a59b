"""Parser, argument types and exit codes of the scripts."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UserError
from ..estimation import RUNTIMES
from ..faces.detectors import DEFAULT_DETECTOR, DETECTORS
from ..flags import number

if TYPE_CHECKING:
    from ..models.description import Original


quiet_import = nullcontext  # until no script uses it


class _Formatter(argparse.RawDescriptionHelpFormatter, argparse.ArgumentDefaultsHelpFormatter):
    """Adds "(required)" or "(default: ...)" to help texts that do not name their default."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.required and action.option_strings:
            return f"{action.help} (required)"
        if "(default" in action.help or action.default is None or action.default is False:
            return action.help
        return super()._get_help_string(action)


class Parser(argparse.ArgumentParser):
    """An argument parser whose flags are written in full and whose errors are one line.

    description: shown as it is, a sentence and examples: the script's docstring.
    """

    def __init__(self, description: str | None):
        super().__init__(
            usage="%(prog)s [flags]",
            description=(description or "").strip(),
            formatter_class=_Formatter,
            allow_abbrev=False,
        )
        self._needs: list[tuple[str, Callable[[argparse.Namespace], bool], str]] = []

    def error(self, message: str):
        self.exit(2, f"{self.prog}: error: {message}\n")

    def needs(self, flag: str, *others: str) -> None:
        """Reject `flag` if it is passed without any of `others`."""
        self.require(
            flag,
            lambda args: any(getattr(args, other.lstrip("-")) for other in others),
            " or ".join(others),
        )

    def require(
        self, flag: str, condition: Callable[[argparse.Namespace], object], expected: str
    ) -> None:
        """Reject `flag` if it is passed and `condition` of the arguments is false.

        expected: phrase for the condition, such as "--csv to a file".
        """
        self._needs.append((flag, condition, expected))

    def parse_args(self, args: Sequence[str] | None = None, namespace=None):
        passed = sys.argv[1:] if args is None else list(args)
        parsed = super().parse_args(passed, namespace)
        for flag, condition, expected in self._needs:
            is_passed = any(text.partition("=")[0] == flag for text in passed)
            if is_passed and not condition(parsed):
                self.error(f"{flag}: expected {expected}, without which it has no effect")
        return parsed


def whole_number(minimum: int, maximum: int) -> Callable[[str], int]:
    """The argument type of whole numbers in a range."""
    return number(int, f"[{minimum}, {maximum}]")


seed = whole_number(0, 2**32 - 1)
positive_int = whole_number(1, 2**31 - 1)
positive_float = number(float, "(0, inf)")
margin = number(float, "[0, 10]")


def scheduler_address(text: str) -> str:
    if not re.fullmatch(r"(tcp|tls|ucx|wss?)://[^/\s]+:\d+/?", text):
        raise argparse.ArgumentTypeError(f"expected tcp://host:8786, received {text!r}")
    return text


def add_weight_arguments(
    parser: argparse.ArgumentParser, several: bool = False, runtime: bool = True
) -> argparse._ArgumentGroup:
    """Add the flags of a model as a group.

    several: --weight_file takes more than one.  runtime: with --runtime, for exports.
    """
    group = parser.add_argument_group("model")
    group.add_argument(
        "--weight_file",
        type=Path,
        nargs="+" if several else None,
        help="path to weight file (e.g. weights.28-3.73.hdf5)"
        + ("; further ones are compared with the first" if several else "")
        + " (default: the shipped weights)",
    )
    if runtime:
        group.add_argument(
            "--runtime",
            choices=tuple(RUNTIMES),
            help="runtime of the weight file, which may be an export of export.py (default: "
            + "".join(f"{name} for {suffix}, " for name, (_, suffix) in RUNTIMES.items() if suffix)
            + "saved_model for a folder, else keras)",
        )
    old = ", for weight files that do not store it, as the original toolkit's"
    group.add_argument("--depth", type=int, default=16, help="depth of network" + old)
    group.add_argument("--width", type=positive_int, default=8, help="width of network" + old)
    group.add_argument(
        "--img_size",
        type=whole_number(1, 1024),
        help="side of the faces in pixels" + old + " (default: from the weight file)",
    )
    return group


def original_of(args: argparse.Namespace) -> Original:
    """The network of --depth, --width and --img_size."""
    from ..models.description import Original

    return Original(args.depth, args.width, args.img_size)


def add_scheduler_argument(parser: argparse._ActionsContainer) -> None:
    parser.add_argument(
        "--scheduler",
        type=scheduler_address,
        metavar="ADDRESS",
        help="Dask scheduler, as tcp://host:8786, for workers on several machines; see "
        "docs/distributed.md (default: processes on this machine)",
    )


def add_detector_arguments(parser: argparse._ActionsContainer) -> None:
    parser.add_argument(
        "--detector",
        choices=tuple(DETECTORS),
        default=DEFAULT_DETECTOR,
        help="face detector; none: every picture is a face crop; dlib-cnn and mtcnn are installed "
        "separately, see docs/detectors.md",
    )
    parser.add_argument(
        "--min_face",
        type=positive_int,
        metavar="PIXELS",
        help="minimum side of a face to detect; larger is faster "
        "(default: a 16th of the picture's longer side)",
    )


def add_evaluation_arguments(parser: Parser, output: Path | None) -> argparse._ArgumentGroup:
    """Add the flags of an evaluation's results as a group; output: default of --output."""
    group = parser.add_argument_group("results")
    group.add_argument(
        "--output",
        type=Path,
        default=output,
        help="folder for results.json, results.csv and report.html",
    )
    group.add_argument(
        "--force", action="store_true", help="replace an earlier evaluation in --output"
    )
    parser.needs("--force", "--output")
    group.add_argument(
        "--resamples",
        type=positive_int,
        default=1000,
        help="number of bootstrap resamples, for the confidence intervals",
    )
    group.add_argument("--seed", type=seed, default=0, help="seed of the bootstrap")
    return group


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


def _open_streams() -> None:
    """Discard the output of a script whose stdout or stderr is closed, as by pythonw and `>&-`."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))
    if isinstance(sys.stdout, TextIOWrapper):  # not in notebooks
        sys.stdout.reconfigure(errors="backslashreplace")  # as stderr: a file may have any name


def _stop(message: str, code: int) -> None:
    line = " ".join(message.splitlines())  # a library's message may have several lines
    print(f"{Path(sys.argv[0]).name}: {line}", file=sys.stderr)
    sys.exit(code)
