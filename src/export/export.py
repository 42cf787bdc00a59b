"""Export of checkpoints, with a check of the predictions."""

import json
import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from keras import Model

from ..calibration.temperatures import scale, scale_network
from ..errors import UserError
from ..estimation.estimates import Estimates
from ..estimation.estimator import Estimator
from ..estimation.runtimes import INPUT
from ..extras import quiet_stderr
from ..faces.crop import FaceCrop
from ..files import replacing
from ..labels import AGES, GENDERS
from ..models import build_model
from ..models.checkpoints import load_checkpoint, save_checkpoint
from ..models.description import OUTPUTS, Description, describe
from ..shipped import resolve_weights
from . import FORMATS
from .arguments import Arguments, description_of
from .faces import Faces, database_faces, portrait_faces
from .graphs import WRITERS, store_description
from .original import to_original

# By precision, of |p_female| and of the age in years: maximum of the largest difference to the
# checkpoint, and of its 99th percentile.
LIMITS = {
    "float32": {"gender": (1e-3, 1e-3), "age": (0.01, 0.01)},
    "fp16": {"gender": (0.01, 0.005), "age": (0.05, 0.05)},
    "int8": {"gender": (0.15, 0.1), "age": (5.0, 2.5)},
}
_UNITS = {"gender": "probability", "age": "years"}


@dataclass(frozen=True)
class Exported:
    """An export, compared with its checkpoint on faces that calibrated nothing."""

    faces: str  # phrase for the faces
    size: int  # in bytes
    # Of "gender" (probability) and "age" (years): the largest one and its 99th percentile.
    differences: dict[str, tuple[float, float]]

    def __str__(self) -> str:
        first = f"{self.size / 1e6:.1f} MB; differences from the weight file on {self.faces}:"
        return "\n".join([first, *map(self._line, self.differences)])

    def _line(self, name: str) -> str:
        largest, percentile = self.differences[name]
        return f"{name}: at most {largest:.2g}, 99th percentile {percentile:.2g} ({_UNITS[name]})"

    def check(self, output: Path, precision: str) -> None:
        """Raise `UserError` if the export differs too much, or predicts NaN."""
        for name, limits in LIMITS[precision].items():
            if not all(np.less_equal(self.differences[name], limits)):
                raise UserError(
                    f"{output} differs from the weight file on {self.faces}: {self._line(name)}; "
                    f"{precision} allows {limits[0]:g} and {limits[1]:g}; the file was removed"
                )


def export(arguments: Arguments, calibration: dict | None = None) -> Exported:
    """Write a checkpoint in another format, and its description to `output`.json.

    Args:
        arguments: flags of export.py, checked by `check_export`; `average` and `calibrate` are
            done before.
        calibration: see `Description.calibration`; its temperatures divide the heads' scores.

    Raises:
        UserError: The export differs from the checkpoint; nothing is written then.
    """
    weight_file = resolve_weights(arguments.weight_file, for_keras=True)
    model, description = load_checkpoint(weight_file, arguments.original)
    crop = description.crop
    if arguments.old_age_slope:
        raise_old_ages(model, arguments.old_age_slope)
    if arguments.mirror:
        mirrored = build_model(description.architecture, crop.size, mirror=True)
        mirrored.set_weights(model.get_weights())
        model, description = mirrored, replace(description, mirror=True)
    faces = database_faces(arguments.input, crop) if arguments.input else portrait_faces(crop)
    gender, age = model.predict(faces.image, verbose=0)
    before = Estimates.of(gender[:, 0], age)
    if calibration:
        scale_network(model, calibration)
        before = scale(before, calibration)
        description = replace(description, calibration=calibration)
    if arguments.format == "legacy":
        model, description = to_original(weight_file, model, description)
    return _write(arguments, model, description, faces, before)


def raise_old_ages(model: Model, slope: float) -> None:
    """Add `slope` per year above 65 to the scores of the ages, in place.

    Old people are rare in training data, and underestimated. Menon et al., "Long-tail learning via
    logit adjustment", ICLR 2021, https://arxiv.org/abs/2007.07314, adjust the scores of all classes
    by their frequency; limited to old ages, it costs less elsewhere (docs/accuracy.md).
    Raises `UserError` if the age head has no biases.
    """
    layer = model.get_layer(OUTPUTS[1])
    weights = layer.get_weights()
    if len(weights) != 2:
        raise UserError("--old_age_slope requires an age head with biases, a softmax of 101 scores")
    kernel, bias = weights
    layer.set_weights([kernel, bias + slope * np.maximum(AGES - 65, 0)])


def _write(
    arguments: Arguments, model: Model, description: Description, faces: Faces, before: Estimates
) -> Exported:
    output, format, precision = arguments.output, arguments.format, arguments.precision
    with replacing(description_of(output)) as partial_description, replacing(output) as partial:
        config = describe(description) | _interface(format, precision, description.crop)
        readable = {key: value for key, value in config.items() if key != "identities"}
        partial_description.write_text(json.dumps(readable, indent=2) + "\n")
        if format in WRITERS:
            with quiet_stderr(), warnings.catch_warnings(action="ignore"):
                WRITERS[format](partial, model, precision, faces.calibration)
            store_description(partial, format, config)
        else:
            save_checkpoint(partial, model, description, half=precision == "fp16")
        after = Estimator(partial, FORMATS[format])(faces.image)
        both = {"gender": (before.p_female, after.p_female), "age": (before.age, after.age)}
        differences = {name: np.abs(np.subtract(*values)) for name, values in both.items()}
        exported = Exported(
            faces.source,
            sum(file.stat().st_size for file in (partial, *partial.rglob("*")) if file.is_file()),
            {name: (each.max(), np.percentile(each, 99)) for name, each in differences.items()},
        )
        exported.check(output, precision)
    return exported


def _interface(format: str, precision: str, crop: FaceCrop) -> dict:
    """Inputs and outputs of the file, for programs without this toolkit.

    points: where the crop has the eyes, the nose and the corners of the mouth, x and y in pixels.
    """
    return {
        "format": format,
        "precision": precision,
        "points": crop.template.round(3).tolist() if crop.is_aligned else None,
        "input": {"name": INPUT, "dtype": "float32", "shape": ["batch", crop.size, crop.size, 3]},
        "outputs": [
            {"name": name, "dtype": "float32", "shape": ["batch", len(classes)]}
            for name, classes in zip(OUTPUTS, (GENDERS, AGES), strict=True)
        ],
    }
