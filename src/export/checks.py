"""Checks of an export's output, before anything is written."""

from collections.abc import Callable, Iterable
from pathlib import Path

import h5py

from ..errors import UserError
from ..estimation import RUNTIMES
from ..estimation.runtimes import EXTRA_ASSET
from ..files import check_output_path
from ..outputs import Output, check_outputs, has_mark
from . import FORMATS

_DESCRIBED = b'"architecture"'  # in the JSON by which every export describes itself


def check_export(
    format: str,
    output: Path,
    precision: str,
    input: Path | None,
    force: bool,
    read: Iterable[tuple[str, Path | None]] = (),
) -> None:
    """Raise `UserError` if `export` cannot write its output.

    read: flags and paths of all input files, which may not be replaced.
    """
    _check_name(format, output)
    check_output_path(output)
    is_folder = format == "saved_model"
    kind = f"a file of --format {format}"
    outputs = [
        Output("--output", output, kind, _is_export(format), is_folder),
        Output("--output", description_of(output), "a description", has_mark(b'{\n  "version"')),
    ]
    check_outputs(outputs, [*read, ("--input", input)])
    for path in (output, description_of(output)):
        if path.exists() and not force:
            raise UserError(f"--output: {path} exists; name another, or replace it with --force")
    if precision not in ("float32", *FORMATS[format]):
        formats = [name for name, precisions in FORMATS.items() if precision in precisions]
        raise UserError(
            f"--{precision}: expected --format {' or '.join(formats)}, received {format}"
        )
    if precision == "int8" and input is None:
        raise UserError(
            "--int8: expected --input, a database of labelled faces to calibrate on, received none"
        )


def description_of(output: Path) -> Path:
    """The JSON file next to an export."""
    return output.with_name(f"{output.name}.json")


def _check_name(format: str, output: Path) -> None:
    """Raise `UserError` unless the name selects the format's runtime, and no other one."""
    suffix, suffixes = output.suffix.lower(), {name: end for name, (_, end) in RUNTIMES.items()}
    own = suffixes.get(format, "")
    if suffix != own and (own or suffix in suffixes.values()):
        expected = f"ending in {own}" if own else f"not ending in {suffix}"
        raise UserError(
            f"--output: expected a name {expected} for --format {format}, received {output.name}; "
            "demo.py chooses the runtime by it"
        )


def _is_export(format: str) -> Callable[[Path], bool]:
    """A check that a file or folder is one of `FORMATS`, written by export.py."""
    return {"onnx": _is_graph, "litert": _is_graph, "saved_model": _is_saved_model}.get(
        format, _is_weights
    )


def _is_graph(path: Path) -> bool:
    return _DESCRIBED in path.read_bytes()


def _is_weights(path: Path) -> bool:
    if not h5py.is_hdf5(path):
        return False
    with h5py.File(path) as file:
        return "layer_names" in file.get("model_weights", file).attrs


def _is_saved_model(folder: Path) -> bool:
    """Whether a folder holds an exported SavedModel and nothing else."""
    if not (folder / EXTRA_ASSET).is_file():
        return False
    own = {str(EXTRA_ASSET), "saved_model.pb", "fingerprint.pb"}
    return all(
        path.is_dir() or str(place) in own or path.match("variables/variables.*")
        for path, place in ((path, path.relative_to(folder)) for path in folder.rglob("*"))
    )
