"""Recipes, and the folder of a run."""

import argparse
import json
import uuid
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, get_origin, get_type_hints

from .. import __version__
from ..errors import UserError
from ..files import check_folder, make_folder, read_input_file, replacing, wrap_read_errors
from ..flags import add_flags, flags_of
from ..outputs import locked
from .arguments import Arguments

ARGUMENTS, HISTORY, STATE = "arguments.json", "history.csv", "state.hdf5"
RUN_ID = "run_id"
_RECORDS = ("version", "backend", "resume", RUN_ID)  # in arguments.json, not flags
_MAX_BYTES = 2**16
_MAX_DEPTH = 2  # lists in a dictionary


def parse(parser: argparse.ArgumentParser, argv: list[str]) -> Arguments:
    """The arguments of a command line, with the flags of train.py added to `parser`.

    --config names a recipe, a YAML file of flags without dashes. --resume may name the folder of a
    run, to use its arguments. Flags of the command line take precedence.
    Raises `UserError` for an unreadable file, and for inconsistent values.
    """
    parser.add_argument("--config", type=Path, help="recipe: a YAML file of flags and values")
    parser.add_argument(
        "--resume",
        nargs="?",
        const="auto",
        metavar="auto|FOLDER",
        help="resume the run in FOLDER, with its arguments; --resume alone: the run in "
        "output_path, if there is one",
    )
    add_flags(parser, Arguments)
    values = vars(parser.parse_args(with_files(argv)))
    del values["config"]
    values["resume"] = values["resume"] is not None
    return Arguments(**values)


def with_files(argv: list[str]) -> list[str]:
    """`argv` after the flags in the files that it names with --config and --resume."""
    files = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    files.add_argument("--config", type=Path)
    files.add_argument("--resume", type=Path, nargs="?")
    try:
        named, _ = files.parse_known_args(argv)
    except argparse.ArgumentError:  # the script's own parser reports it
        return argv
    flags = []
    if named.resume and str(named.resume) != "auto":
        recorded = _read_flags(named.resume / ARGUMENTS, recorded=True)
        flags += [*recorded, "--output_path", str(named.resume)]
    if named.config:
        flags += _read_flags(named.config)
    return flags + argv


def _read_flags(path: Path, recorded: bool = False) -> list[str]:
    """Flags in a file; without defaults if it is `recorded`, which contains all flags, also those
    without effect."""
    defaults = {flag.name: flag.default for flag in flags_of(Arguments)}
    hints = get_type_hints(Arguments)
    flags = []
    for name, value in _read_mapping(path).items():
        values = value if isinstance(value, list) else [value]
        if name in _RECORDS or value is None or value is False:
            continue
        if name not in defaults:
            raise UserError(f"{path}: expected flags of train.py, received {name!r:.60}")
        is_list = get_origin(hints[name]) is list
        fits = len(values) == 1 or (is_list and values)
        if not fits or not all(isinstance(one, str | int | float) for one in values):
            expected = "a value or a list" if is_list else "one value"
            raise UserError(f"{path}: {name}: expected {expected}, received {value!r:.60}")
        if recorded and value == defaults[name]:
            continue
        flags.append(f"--{name}")
        if value is not True:
            flags += map(str, values)
    return flags


def _read_mapping(path: Path) -> dict[str, Any]:
    """Names and values of a JSON file, named .json, or else of a YAML file."""
    text = read_input_file(path, "a file of flags", _MAX_BYTES)
    with wrap_read_errors(path, "flags and values"):
        values = json.loads(text) if path.suffix == ".json" else _load_yaml(path, text)
    if not isinstance(values, dict):
        raise UserError(
            f"{path}: expected flags and values, `aug: strong`, received {values!r:.60}"
        )
    return values


def _load_yaml(path: Path, text: bytes) -> Any:
    import yaml

    depth = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        # Aliases expand exponentially, and nested lists take hours.
        if depth > _MAX_DEPTH or isinstance(event, yaml.AliasEvent):
            raise UserError(f"{path}: expected flags and values, without aliases or nesting")
    return yaml.safe_load(text)


def check_run(arguments: Arguments) -> None:
    """Raise `UserError` if the folder holds a run, unless it can be resumed with `arguments`."""
    folder = arguments.output_path
    if arguments.resume and (folder / ARGUMENTS).exists():
        arguments.check_same(_read_mapping(folder / ARGUMENTS))
    elif any(folder.glob("weights.*.hdf5")) or (folder / HISTORY).exists():
        raise UserError(
            f"--output_path: expected a folder without a run, {folder} holds one; name another, "
            "move that run away, or pass --resume"
        )


def lock(arguments: Arguments, is_first_host: bool) -> AbstractContextManager[None]:
    """The lock of the run's folder, which the first host holds."""
    if not is_first_host:
        return nullcontext()
    make_folder("--output_path", arguments.output_path.parent)
    return locked(arguments.output_path)


def start_run(arguments: Arguments, backend: str) -> str:
    """Make the run's folder, record its arguments in it, and return the run's identifier.

    backend: name of Keras's backend.
    """
    folder = arguments.output_path
    make_folder("--output_path", folder)
    check_folder(folder)
    recorded = _read_mapping(folder / ARGUMENTS) if (folder / ARGUMENTS).exists() else {}
    run_id = str(recorded.get(RUN_ID) or uuid.uuid4().hex) if arguments.resume else uuid.uuid4().hex
    records = {"version": __version__, "backend": backend, RUN_ID: run_id}
    with replacing(folder / ARGUMENTS) as path:
        path.write_text(json.dumps(records | arguments.as_json(), indent=2) + "\n")
    return run_id
