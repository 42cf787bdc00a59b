"""Flags from files: recipes, and the arguments of a run that is resumed."""

import argparse
from pathlib import Path

from src.errors import UserError
from src.training.arguments import ARGUMENTS

_NOTES = ("version", "backend", "resume")  # in a run's arguments, but no flags to repeat


def with_files(argv: list[str]) -> list[str]:
    """`argv` after the flags of the files that it names, so that its own flags count.

    --config names a recipe, a YAML file of flags without their dashes; --resume may name the folder
    of a run, whose `arguments.json` is read in the same way. Raises `UserError` where a file is
    missing or holds no flags.
    """
    files = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    files.add_argument("--config", type=Path)
    files.add_argument("--resume", type=Path, nargs="?")
    try:
        named, _ = files.parse_known_args(argv)
    except argparse.ArgumentError:  # the script's own parser will say so
        return argv
    flags = []
    if named.resume and str(named.resume) != "auto":
        flags += [*_read_flags(named.resume / ARGUMENTS), "--output_path", str(named.resume)]
    if named.config:
        flags += _read_flags(named.config)
    return flags + argv


def _read_flags(path: Path) -> list[str]:
    import yaml

    try:
        said = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: expected a file of flags: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: expected YAML: {' '.join(str(error).split())}") from error
    if not isinstance(said, dict):
        raise UserError(f"{path}: expected flags and values, `aug: strong`, found {said!r:.60}")
    flags = []
    for name, value in said.items():
        if name in _NOTES or value is None or value is False:
            continue
        flags.append(f"--{name}")
        if value is not True:
            flags += map(str, value if isinstance(value, list) else [value])
    return flags
