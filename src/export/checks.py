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
    """Raise `UserError` if the output cannot be written, or an input is missing."""
    output, description = arguments.output, description_of(arguments.output)
    runtime = FORMATS[arguments.format]
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
    inputs = [("--weight_file", resolve_weights(arguments.weight_file, for_keras=True))]
    inputs += [("--average", path) for path in arguments.average]
    inputs += [("--input", arguments.input)] if arguments.input else []
    inputs += [("--calibrate", path) for path in arguments.calibrate]
    check_outputs(outputs, inputs)
    for flag, path in inputs:
        check_input_file(path, f"the file of {flag}")
    for path in (output, description):
        if path.exists() and not arguments.force:
            raise UserError(f"--output: {path} exists; name another, or replace it with --force")


def description_of(output: Path) -> Path:
    """The JSON file next to an export."""
    return output.with_name(f"{output.name}.json")
