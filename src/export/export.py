"""Export of checkpoints, with a check of the predictions."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np

from src.calibration.temperatures import Temperatures, from_scores, scores
from src.errors import UserError
from src.estimation import RUNTIMES
from src.estimation.estimator import Estimates, Estimator
from src.estimation.runtimes import INPUT
from src.estimation.shipped import shipped_weights
from src.export import FORMATS
from src.export.faces import Faces, database_faces, portrait_faces
from src.export.graphs import save_litert, save_onnx, save_saved_model
from src.export.kinds import is_export
from src.export.original import to_original
from src.files import check_output_place, replacing
from src.labels import AGES, GENDERS
from src.models import build_model
from src.models.checkpoints import load_checkpoint, save_checkpoint
from src.models.description import OUTPUTS, Description, describe
from src.outputs import Output, begins_with, check_outputs

GRAPHS = {"onnx": save_onnx, "litert": save_litert, "saved_model": save_saved_model}
LIMITS = {"float32": 1e-3, "fp16": 1e-2}  # maximum difference of a probability
YEARS_LIMIT = 0.05  # maximum difference of an age if weights are stored as float16
MAE_LIMIT = 0.3  # years, maximum change of the mean absolute error by int8


@dataclass(frozen=True)
class Exported:
    """An export, compared with its checkpoint on the same faces.

    faces: their description.  size: of the export in bytes.
    difference: maximum difference of a probability of a gender or an age.
    years: maximum difference of an estimated age.
    mae: mean absolute errors in years, before and after; None if no age is known.
    """

    faces: str
    size: int
    difference: float
    years: float
    mae: tuple[float, float] | None


def export(
    weight_file: Path | None,
    format: str,
    output: Path,
    precision: str = "float32",
    depth: int = 16,
    width: int = 8,
    img_size: int | None = None,
    input: Path | None = None,
    force: bool = False,
    calibration: dict | None = None,
    margin: float | None = None,
    mirror: bool = False,
) -> Exported:
    """Write a checkpoint to `output` in one of `FORMATS`, and its description to `output`.json.

    weight_file: the shipped weights if None.  precision: "float32", "fp16", "int8".
    input: a database for the check and int8's calibration; faces of a portrait if None.
    calibration: see `Description.calibration`; its temperatures divide the heads' scores.
    margin: stored in the file; the checkpoint's if None.
    mirror: add horizontal-flip test-time augmentation to the graph.
    Raises `UserError`, with nothing written, if the export differs from the checkpoint.
    """
    check_export(format, output, precision, input, force, [("--weight_file", weight_file)])
    weight_file = weight_file or shipped_weights()
    estimator = Estimator(weight_file, depth, width, "keras", img_size)
    description = _described(estimator.description, calibration, margin)
    faces = database_faces(input, description.crop) if input else portrait_faces(description)
    if precision == "int8" and not faces.known.any():
        raise UserError(
            f"--input: expected faces of known age for the check of int8, {input} has none"
        )
    before = estimator(faces.image)
    if mirror:
        before = _mean(before, estimator(np.ascontiguousarray(faces.image[:, :, ::-1])))
    with replacing(_description_of(output)) as partial_description, replacing(output) as partial:
        model, _ = load_checkpoint(weight_file, depth, width, img_size)
        if mirror:
            model, description = _mirrored(model, description)
        if calibration:
            temperatures = Temperatures(
                calibration["gender_temperature"], calibration["age_temperature"]
            )
            temperatures.scale_network(model)
            before = temperatures.scale(before)
        if format == "legacy":
            model, description = to_original(weight_file, model, description)
        config = describe(description) | _interface(format, precision, description.crop.size)
        partial_description.write_text(json.dumps(config, indent=2) + "\n")
        if format in GRAPHS:
            GRAPHS[format](partial, model, config, faces.image)
        else:
            save_checkpoint(partial, model, description, half=precision == "fp16")
        after = Estimator(partial, runtime=format if format in GRAPHS else "keras")
        exported = _compare(before, after(faces.image), faces, _size(partial))
        _check_same(output, format, precision, exported)
    return exported


def check_export(
    format: str,
    output: Path,
    precision: str,
    input: Path | None,
    force: bool,
    read: Iterable[tuple[str, Path | None]] = (),
) -> None:
    """Raise `UserError` if `export` cannot write its output, before any work is done.

    read: flags and paths of all input files, which may not be replaced.
    """
    _check_output(format, output, force, [*read, ("--input", input)])
    _check_precision(format, precision, input)


def _description_of(output: Path) -> Path:
    return output.with_name(f"{output.name}.json")


def _described(
    description: Description, calibration: dict | None, margin: float | None
) -> Description:
    """The description of the exported file."""
    return replace(
        description,
        calibration=calibration or description.calibration,
        crop=description.crop if margin is None else replace(description.crop, margin=margin),
    )


def _mirrored(model: keras.Model, description: Description) -> tuple[keras.Model, Description]:
    architecture = {**description.architecture, "mirror": True}
    mirrored = build_model(architecture, description.crop.size)
    mirrored.set_weights(model.get_weights())
    return mirrored, replace(description, architecture=architecture)


def _mean(one: Estimates, other: Estimates) -> Estimates:
    """Estimates of the mean scores of both."""
    pairs = zip(scores(one), scores(other), strict=True)
    return from_scores(*((a + b) / 2 for a, b in pairs))


def _interface(format: str, precision: str, img_size: int) -> dict:
    """Inputs and outputs of the file, for programs without this toolkit."""
    shapes = zip(OUTPUTS, (len(GENDERS), len(AGES)), strict=True)
    return {
        "format": format,
        "precision": precision,
        "input": {"name": INPUT, "dtype": "float32", "shape": ["batch", img_size, img_size, 3]},
        "outputs": [
            {"name": name, "dtype": "float32", "shape": ["batch", classes]}
            for name, classes in shapes
        ],
    }


def _compare(before: Estimates, after: Estimates, faces: Faces, size: int) -> Exported:
    genders = np.abs(before.p_female - after.p_female)
    ages = np.abs(before.age_distribution - after.age_distribution)
    return Exported(
        faces=faces.source,
        size=size,
        difference=float(np.max([genders.max(), ages.max()])),  # NaN where either is
        years=float(np.abs(before.age - after.age).max()),
        mae=(faces.mae(before.age), faces.mae(after.age)) if faces.known.any() else None,
    )


def _check_same(output: Path, format: str, precision: str, exported: Exported) -> None:
    """Raise `UserError` if the export differs too much from its checkpoint, or predicts NaN."""
    if precision == "int8":
        before, after = exported.mae
        if not abs(after - before) <= MAE_LIMIT:
            raise UserError(
                f"{output}: expected int8 to change the MAE by at most {MAE_LIMIT} years, on "
                f"{exported.faces} it went from {before:.2f} to {after:.2f}; the file was removed, "
                "try --fp16"
            )
    elif not exported.difference <= LIMITS[precision]:
        raise UserError(
            f"{output}: expected probabilities within {LIMITS[precision]:g} of the checkpoint's, "
            f"on {exported.faces} they differ by up to {exported.difference:.2g}; the file was "
            "removed"
        )
    elif format == "hdf5" and not exported.years <= YEARS_LIMIT:
        raise UserError(
            f"{output}: expected ages within {YEARS_LIMIT:g} years of the checkpoint's, on "
            f"{exported.faces} they differ by up to {exported.years:.2g}; the file was removed"
        )


def _check_output(
    format: str, output: Path, force: bool, inputs: Iterable[tuple[str, Path | None]]
) -> None:
    """Raise `UserError` unless `output` may become a file of that format."""
    suffix, suffixes = output.suffix.lower(), {name: end for name, (_, end) in RUNTIMES.items()}
    own = suffixes.get(format, "")
    if suffix != own and (own or suffix in suffixes.values()):
        expected = f"ending in {own}" if own else f"not ending in {suffix}"
        raise UserError(
            f"--output: expected a name {expected} for --format {format}, received {output.name}; "
            "demo.py chooses the runtime by it"
        )
    check_output_place(output)
    folder = format == "saved_model"
    kinds = [
        Output("--output", output, f"a file of --format {format}", is_export(format), folder),
        Output(
            "--output", _description_of(output), "a description", begins_with(b'{\n  "version"')
        ),
    ]
    check_outputs(kinds, inputs)
    for path in (output, _description_of(output)):
        if path.exists() and not force:
            raise UserError(f"--output: {path} exists; name another, or replace it with --force")


def _check_precision(format: str, precision: str, input: Path | None) -> None:
    if precision not in ("float32", *FORMATS[format]):
        formats = [name for name, precisions in FORMATS.items() if precision in precisions]
        raise UserError(
            f"--{precision}: expected --format {' or '.join(formats)}, received {format}"
        )
    if precision == "int8" and input is None:
        raise UserError(
            "--int8: expected --input, a database of labelled faces to calibrate on, received none"
        )


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())
