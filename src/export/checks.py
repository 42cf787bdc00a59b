"""Checks of the arguments of an export, before weights are read."""

from pathlib import Path

from ..errors import UserError
from ..estimation.runtimes import FOLDERS, runtime_of
from ..files import check_input_file
from ..outputs import Output, check_outputs, has_mark
from ..shipped import resolve_weights
from . import FORMATS
from .arguments import Arguments


def check_export(arguments: Arguments) -> None:
    """Raise `UserError` if the output cannot be written, or flags do not fit the format."""
    output, description = arguments.output, description_of(arguments.output)
    runtime, precisions = FORMATS[arguments.format]
    is_folder = runtime in FOLDERS
    if not output.is_dir() and runtime_of(output) != ("keras" if is_folder else runtime):
        raise UserError(
            f"--output: {output.name} does not fit --format {arguments.format}; expected names end "
            "in .onnx, .tflite (litert) or .keras, by which demo.py chooses the runtime"
        )
    is_description = has_mark(b'{\n  "version"')

    def is_export(_: Path) -> bool:
        return description.is_file() and is_description(description)

    outputs = [
        Output("--output", output, "an export", is_export, is_folder),
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
    if precision not in ("float32", *precisions):
        fitting = [name for name, (_, others) in FORMATS.items() if precision in others]
        raise UserError(f"--{precision} requires --format {' or '.join(fitting)}")
    if arguments.int8 and not arguments.input:
        raise UserError("--int8 requires --input, a database of faces to calibrate on")


def description_of(output: Path) -> Path:
    """The JSON file next to an export."""
    return output.with_name(f"{output.name}.json")
