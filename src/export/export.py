"""Export of checkpoints, with a check of the predictions."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np

from ..calibration.temperatures import Temperatures, from_scores, scores
from ..errors import UserError
from ..estimation.estimator import Estimates, Estimator
from ..estimation.runtimes import INPUT
from ..estimation.shipped import shipped_weights
from ..faces.crop import FaceCrop
from ..files import replacing, size_of
from ..labels import AGES, GENDERS
from ..models import build_model
from ..models.checkpoints import load_checkpoint, save_checkpoint
from ..models.description import OUTPUTS, Description, Original, describe
from .checks import check_export, description_of
from .faces import Faces, database_faces, portrait_faces
from .graphs import save_litert, save_onnx, save_saved_model
from .original import to_original

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
    original: Original = Original(),
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
    model, description = load_checkpoint(weight_file, original)
    if margin is not None:
        description = replace(description, crop=replace(description.crop, margin=margin))
    faces = _faces(input, description.crop, precision)
    before = _estimates(model, faces.image)
    if mirror:
        model, description, before = _mirrored(model, description, faces.image, before)
    if calibration:
        temperatures = Temperatures.of(calibration)
        temperatures.scale_network(model)
        before = temperatures.scale(before)
        description = replace(description, calibration=calibration)
    if format == "legacy":
        model, description = to_original(weight_file, model, description)
    return _write(output, format, precision, model, description, faces, before)


def _faces(input: Path | None, crop: FaceCrop, precision: str) -> Faces:
    faces = database_faces(input, crop) if input else portrait_faces(crop)
    if precision == "int8" and not faces.known.any():
        raise UserError(
            f"--input: expected faces of known age for the check of int8, {input} has none"
        )
    return faces


def _write(
    output: Path,
    format: str,
    precision: str,
    model: keras.Model,
    description: Description,
    faces: Faces,
    before: Estimates,
) -> Exported:
    with replacing(description_of(output)) as partial_description, replacing(output) as partial:
        config = describe(description) | _interface(format, precision, description.crop.size)
        partial_description.write_text(json.dumps(config, indent=2) + "\n")
        if format in GRAPHS:
            GRAPHS[format](partial, model, config, faces.image)
        else:
            save_checkpoint(partial, model, description, half=precision == "fp16")
        after = Estimator(partial, runtime=format if format in GRAPHS else "keras")
        exported = _compare(before, after(faces.image), faces, size_of(partial))
        _check_same(output, format, precision, exported)
    return exported


def _estimates(model: keras.Model, faces: np.ndarray) -> Estimates:
    gender, age = model.predict(faces, batch_size=32, verbose=0)
    return Estimates.of(gender[:, 0], age)


def _mirrored(
    model: keras.Model, description: Description, faces: np.ndarray, estimates: Estimates
) -> tuple[keras.Model, Description, Estimates]:
    """The network with test-time augmentation, its description, and the expected estimates, from
    the mean scores of the faces and their mirror images."""
    flipped = _estimates(model, np.ascontiguousarray(faces[:, :, ::-1]))
    pairs = zip(scores(estimates), scores(flipped), strict=True)
    mirrored = build_model(description.architecture, description.crop.size, mirror=True)
    mirrored.set_weights(model.get_weights())
    means = from_scores(*((a + b) / 2 for a, b in pairs))
    return mirrored, replace(description, mirror=True), means


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
