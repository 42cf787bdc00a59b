"""Flags from files: recipes and the arguments of resumed runs."""

import argparse
from pathlib import Path

from src.errors import UserError
from src.files import read_input_file, reading
from src.training.arguments import ARGUMENTS

_NOTES = ("version", "backend", "resume")  # in a run's arguments, but not flags to repeat
_MAX_BYTES = 2**16
_MAX_DEPTH = 2  # lists in a dictionary


def with_files(argv: list[str]) -> list[str]:
    """`argv` after the flags of the files that it names, so that its own flags override them.

    --config names a recipe, a YAML file of flags without their dashes; --resume may name the folder
    of a run, whose `arguments.json` is read in the same way. Raises `UserError` if a file is
    missing or has no flags.
    """
    files = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    files.add_argument("--config", type=Path)
    files.add_argument("--resume", type=Path, nargs="?")
    try:
        named, _ = files.parse_known_args(argv)
    except argparse.ArgumentError:  # which the script's own parser reports
        return argv
    flags = []
    if named.resume and str(named.resume) != "auto":
        flags += [*_read_flags(named.resume / ARGUMENTS), "--output_path", str(named.resume)]
    if named.config:
        flags += _read_flags(named.config)
    return flags + argv


def _read_flags(path: Path) -> list[str]:
    import yaml

    text = read_input_file(path, "a file of flags", _MAX_BYTES)
    with reading(path, "flags and values in YAML"):
        depth = 0
        for event in yaml.parse(text, yaml.SafeLoader):
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            # Aliases expand exponentially, and nested lists take hours.
            if depth > _MAX_DEPTH or isinstance(event, yaml.AliasEvent):
                raise UserError(f"{path}: expected flags and values, without aliases or nesting")
        values = yaml.safe_load(text)
    if not isinstance(values, dict):
        raise UserError(
            f"{path}: expected flags and values, `aug: strong`, received {type(values).__name__}"
        )
    flags = []
    for name, value in values.items():
        if name in _NOTES or value is None or value is False:
            continue
        flags.append(f"--{name}")
        if value is not True:
            parts = value if isinstance(value, list) else [value]
            if not all(isinstance(part, str | int | float) for part in parts):
                raise UserError(f"{path}: expected a value or a list of values for {name!r:.60}")
            flags += map(str, parts)
    return flags
