"""Checks of the arguments of an export, before weights are read."""

from pathlib import Path

from ..errors import UserError
from ..estimation import RUNTIMES
from ..estimation.shipped import resolve_weights
from ..files import check_input_file, check_output_path
from ..outputs import Output, check_outputs, has_mark
from . import FORMATS
from .arguments import Arguments


def check_export(arguments: Arguments) -> None:
    """Raise `UserError` if the output cannot be written, or flags do not fit the format."""
    format, output = FORMATS[arguments.format], arguments.output
    _check_name(arguments.format, output)
    check_output_path(output)
    is_description = has_mark(b'{\n  "version"')
    description = description_of(output)

    def is_export(_: Path) -> bool:
        return description.is_file() and is_description(description)

    outputs = [
        Output("--output", output, "an export", is_export, format.folder),
        Output("--output", description, "a description", is_description),
    ]
    weights = [("--weight_file", resolve_weights(arguments.weight_file, for_keras=True))]
    weights += [("--average", path) for path in arguments.average]
    databases = [("--input", arguments.input)] if arguments.input else []
    databases += [("--calibrate", path) for path in arguments.calibrate]
    check_outputs(outputs, weights + databases)
    for kind, read in (("a weight file", weights), ("a database", databases)):
        for _, path in read:
            check_input_file(path, kind)
    for path in (output, description):
        if path.exists() and not arguments.force:
            raise UserError(f"--output: {path} exists; name another, or replace it with --force")
    precision = arguments.precision
    if precision not in ("float32", *format.precisions):
        fitting = [name for name, other in FORMATS.items() if precision in other.precisions]
        raise UserError(f"--{precision} requires --format {' or '.join(fitting)}")
    if arguments.int8 and not arguments.input:
        raise UserError("--int8 requires --input, a database of faces to calibrate on")


def description_of(output: Path) -> Path:
    """The JSON file next to an export."""
    return output.with_name(f"{output.name}.json")


def _check_name(format: str, output: Path) -> None:
    """Raise `UserError` unless the name selects the format's runtime, and no other one."""
    suffix, own = output.suffix.lower(), RUNTIMES[FORMATS[format].runtime][1]
    if suffix != own and (own or suffix in {end for _, end in RUNTIMES.values()} - {""}):
        expected = f"ending in {own}" if own else f"not ending in {suffix}"
        raise UserError(
            f"--output: expected a name {expected} for --format {format}, received {output.name}; "
            "demo.py chooses the runtime by it"
        )
