"""Recipes, and the folder of a run."""

import argparse
import json
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .. import __version__, flags
from ..errors import UserError
from ..files import check_input_file, replacing, wrap_read_errors
from ..flags import flags_of
from ..models import DLIB, IMAGENET
from .arguments import Arguments

ARGUMENTS, HISTORY, STATE = "arguments.json", "history.csv", "state.hdf5"
BEST = "best.hdf5"  # a copy of the best checkpoint
RUN_ID = "run_id"
_RECORDS = ("version", "backend", "resume", RUN_ID)  # in arguments.json, not flags


def parse(argv: Sequence[str], description: str | None = None) -> Arguments:
    """The arguments of a command line, after the flags in files that it names.

    --config names a recipe, a YAML file of flags without dashes. --resume may name the folder of a
    run, to use its arguments. Flags of the command line take precedence.
    description: of the script.
    Raises `UserError` for an unreadable file, and for inconsistent values.
    """
    return flags.parse(Arguments, with_files(list(argv)), description)


def with_files(argv: list[str]) -> list[str]:
    """`argv` after the flags in the files that it names with --config and --resume."""
    files = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    files.add_argument("--config", type=Path)
    files.add_argument("--resume", type=Path, nargs="?")
    try:
        named, _ = files.parse_known_args(argv)
    except argparse.ArgumentError:  # the script's own parser reports it
        return argv
    found = []
    if named.resume and str(named.resume) != "auto":
        recorded = _read_flags(named.resume / ARGUMENTS, recorded=True)
        found += [*recorded, "--output_path", str(named.resume)]
    if named.config:
        found += _read_flags(named.config)
    return found + argv


def _read_flags(path: Path, recorded: bool = False) -> list[str]:
    """Flags in a file; without defaults if it is `recorded`, which contains all flags, also those
    without effect."""
    defaults = {field.name: field.default for field in flags_of(Arguments)}
    found = []
    for name, value in _read_mapping(path).items():
        if name in _RECORDS or value is None or value is False:
            continue
        if name not in defaults:
            raise UserError(f"{path}: expected flags of train.py, received {name!r:.60}")
        if not recorded or value != defaults[name]:
            values = value if isinstance(value, list) else [value]
            found += [f"--{name}", *([] if value is True else map(str, values))]
    return found


def _read_mapping(path: Path) -> dict[str, Any]:
    """Names and values of a JSON file, named .json, or else of a YAML file."""
    check_input_file(path, "a file of flags")
    with wrap_read_errors(path, "flags and values"):
        if path.suffix == ".json":
            return dict(json.loads(path.read_text()))
        import yaml

        return dict(yaml.safe_load(path.read_bytes()))


def weight_files(arguments: Arguments) -> dict[str, Path]:
    """The weight files for age and gender that the run depends on, by their flag."""
    files = {"--init": arguments.init, "--teacher": arguments.teacher}
    return {flag: Path(file) for flag, file in files.items() if file not in (None, IMAGENET, DLIB)}


def check_files(arguments: Arguments) -> None:
    """Raise `UserError` if a file of the run is missing, before Keras is imported."""
    for path in arguments.input:
        check_input_file(path, "a database (create_db.py makes one)")
    for path in weight_files(arguments).values():
        check_input_file(path, "a weight file")
    check_run(arguments)


def check_run(arguments: Arguments) -> None:
    """Raise `UserError` if the folder holds a run, unless it can be resumed with `arguments`."""
    folder = arguments.output_path
    if folder.is_file():
        raise UserError(f"--output_path: expected a folder, {folder} is a file")
    if arguments.resume and (folder / ARGUMENTS).exists():
        history = folder / HISTORY
        epochs = len(history.read_bytes().splitlines()) - 1 if history.exists() else 0
        arguments.check_same(_read_mapping(folder / ARGUMENTS), epochs)
    elif any(folder.glob("weights.*.hdf5")) or (folder / HISTORY).exists():
        raise UserError(
            f"--output_path: expected a folder without a run, {folder} holds one; name another, "
            "move that run away, or pass --resume"
        )


def start_run(arguments: Arguments, backend: str) -> str:
    """Make the run's folder, record its arguments in it, and return the run's identifier.

    backend: name of Keras's backend.
    """
    path = arguments.output_path / ARGUMENTS
    path.parent.mkdir(parents=True, exist_ok=True)
    is_resumed = arguments.resume and path.exists()
    run_id = str((is_resumed and _read_mapping(path).get(RUN_ID)) or uuid.uuid4().hex)
    records = {"version": __version__, "backend": backend, RUN_ID: run_id}
    with replacing(path) as partial:
        partial.write_text(json.dumps(records | arguments.as_json(), indent=2) + "\n")
    return run_id
