"""Flags of export.py, and checks of their files."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ..errors import UserError
from ..estimation.arguments import WeightFlags
from ..files import check_input_file
from ..flags import flag
from ..outputs import Output, check_outputs, has_mark
from ..shipped import resolve_weights
from . import FORMATS


@dataclass(frozen=True, kw_only=True)
class Arguments(WeightFlags):
    """The arguments of export.py."""

    NEEDS: ClassVar = {"int8": "input"}

    output: Path = flag(help="path of the output", short="-o")
    format: str = flag(
        help="format of the output; keras: a file for keras.models.load_model; hdf5: a checkpoint "
        "of this toolkit; legacy: weights for the original toolkit's load_weights",
        choices=tuple(FORMATS),
    )
    fp16: bool = flag(
        False,
        help="store weights as float16 (half the size)",
        needs={"format": ("onnx", "litert", "hdf5")},
        excludes=("int8",),
    )
    int8: bool = flag(
        False,
        help="quantize to int8 (a quarter of the size), calibrated on faces of --input",
        needs={"format": ("onnx", "litert")},
    )
    input: Path | None = flag(
        None,
        help="database for the check of the predictions, for the calibration of --int8 and for the "
        "batch normalizations of --average (default: faces of a portrait for the check)",
        short="-i",
    )
    force: bool = flag(False, help="replace an earlier export")
    average: tuple[Path, ...] = flag(
        (),
        help="further weight files of the same network, to export the mean of all weights",
        group="changes to the model",
        metavar="FILE",
        needs="input",
    )
    calibrate: tuple[Path, ...] = flag(
        (),
        help="databases for temperature scaling, fitted on one half of their faces and measured on "
        "the other; of databases of the training run, the validation faces are used, and only if "
        "no other database is passed",
        metavar="INPUT",
    )
    old_age_slope: float | None = flag(
        None,
        help="logit adjustment against the underestimation of old people: added to the scores of "
        "ages above 65, per year, such as 0.02",
        limits="[0, 1]",
        excludes=("calibrate",),
    )
    mirror: bool = flag(
        False, help="horizontal-flip test-time augmentation (2x slower)", excludes=("calibrate",)
    )

    @property
    def precision(self) -> str:
        """ "float32", "fp16" or "int8"."""
        return "fp16" if self.fp16 else "int8" if self.int8 else "float32"


def check_export(arguments: Arguments) -> None:
    """Raise `UserError` if the output cannot be written, or an input is missing."""
    from ..estimation.runtimes import FOLDERS, runtime_of

    output, description = arguments.output, description_of(arguments.output)
    runtime = FORMATS[arguments.format]
    is_folder = runtime in FOLDERS
    if not output.is_dir() and runtime_of(output) != ("keras" if is_folder else runtime):
        raise UserError(
            f"--output: {output.name} does not fit --format {arguments.format}; expected names end "
            "in .onnx, .tflite (litert) or .keras, by which demo.py chooses the runtime"
        )
    is_description = has_mark(b'{\n  "version"')
    is_export = description.is_file() and is_description(description)
    outputs = [
        Output("--output", output, "an export", lambda _: is_export, is_folder),
        Output("--output", description, "a description", is_description),
    ]
    inputs = [("--weight_file", resolve_weights(arguments.weight_file, for_keras=True))]
    inputs += [("--average", path) for path in arguments.average]
    inputs += [("--input", arguments.input)] if arguments.input else []
    inputs += [("--calibrate", path) for path in arguments.calibrate]
    check_outputs(outputs, inputs)
    for name, path in inputs:
        check_input_file(path, f"the file of {name}")
    for path in (output, description):
        if path.exists() and not arguments.force:
            raise UserError(f"--output: {path} exists; name another, or replace it with --force")


def description_of(output: Path) -> Path:
    """The JSON file next to an export."""
    return output.with_name(f"{output.name}.json")
