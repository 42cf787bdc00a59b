"""Descriptions of models in checkpoints and exports, read without Keras."""

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from .. import __version__
from ..errors import UserError
from ..faces import DEFAULT_MARGINS, NO_ALIGNMENT
from ..faces.crop import FaceCrop
from ..files import wrap_read_errors
from ..labels import GENDERS, MAX_AGE

OUTPUTS = ("pred_gender", "pred_age")
MAX_IMG_SIZE = 1024
# The same in every file; a file with other values is rejected.
_CONTRACT = {"colour": "BGR", "range": [0, 255], "genders": list(GENDERS), "ages": [0, MAX_AGE]}


@dataclass(frozen=True)
class Original:
    """A network of the original toolkit, whose files do not store it; ignored for other files.

    img_size: side of the faces in pixels; None if the file stores it.
    """

    depth: int = 16
    width: int = 8
    img_size: int | None = None


@dataclass(frozen=True)
class Description:
    """The description of a model in its file.

    architecture: `name` and the arguments of the network's `build`.
    crop: the face crops that it expects, BGR, 0..255.
    data: the databases it was trained on, each with `db`, `file`, `rows` and `margin`, if known;
        databases of its initial weights have `initial`, and `db` None if unknown.
    figures: validation figures of the best epoch, by name.
    training: the mean age in years and the share of men, 0..1, of the training rows, as `age_mean`
        and `male_share`; None in older files.
    split: `src.data.split.Split` as JSON; None in files without one.
    calibration: the temperatures by which the heads' scores were divided, as `gender_temperature`
        and `age_temperature` (in files of version 0.1.0 a list, `age_temperatures`), the number of
        `faces` and the `collections` for the fit; None without temperature scaling.
    """

    architecture: dict
    crop: FaceCrop
    data: list[dict] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)
    training: dict[str, float] | None = None
    calibration: dict[str, float | list] | None = None
    split: dict | None = None

    @property
    def margins(self) -> list[float]:
        """Its margin, and all further margins of its training data."""
        own = [part.get("margin") for part in self.data if not part.get("initial")]
        trained = {margin for margin in own if margin is not None}
        return [self.crop.margin, *sorted(trained - {self.crop.margin})]


def describe(description: Description) -> dict:
    """The content of a file's description as JSON values, contract and version included."""
    return {"version": __version__, **_CONTRACT, **asdict(description)}


def read_description(path: Path, text: str) -> Description:
    """The description in the JSON `text` of the file `path`; further keys are ignored.

    Raises `UserError` if it cannot be read, a value has another type or range, or the colours or
    classes differ from this toolkit's.
    """
    with wrap_read_errors(path, "a description"):
        # Older files lack these.
        stored = {"training": None, "calibration": None, "split": None, **json.loads(text)}
        for key, expected in _CONTRACT.items():
            if stored[key] != expected:
                raise UserError(
                    f"{path}: expected {key} {expected}, received {stored[key]}; it was made by "
                    f"version {stored.get('version')} of the toolkit, this is {__version__}"
                )
        stored["crop"] = _crop(stored)
        known = {key: stored[key] for key in Description.__dataclass_fields__}
    for key, (expected, is_valid) in _VALID.items():
        if not is_valid(known[key]):
            raise UserError(
                f"{path}: expected {key} in its description to be {expected}, received "
                f"{known[key]!r:.100}"
            )
    return Description(**known)


def _crop(stored: dict) -> FaceCrop:
    if "crop" in stored:
        return FaceCrop(**stored["crop"])
    # Version 0.1 aligned faces without a margin.
    alignment = stored["align"]
    margin = stored["margin"] if alignment == NO_ALIGNMENT else 0.0
    return FaceCrop(stored["img_size"], margin, alignment)


def _is_number(value: object, low: float = -math.inf, high: float = math.inf) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high


def _is_architecture(value: object) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("name"), str)
        and all(isinstance(v, bool | str | list) or _is_number(v, 0, 1e4) for v in value.values())
    )


def _is_data(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(part, dict) and (part.get("margin") is None or _is_number(part["margin"], 0, 10))
        for part in value
    )


def _is_numbers(value: object, ranges: dict[str, tuple[float, float]]) -> bool:
    """Whether a dictionary holds numbers in these ranges, by name."""
    return isinstance(value, dict) and all(
        _is_number(value.get(name), *limits) for name, limits in ranges.items()
    )


def _is_figures(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(v, int | float) for v in value.values())


def _is_calibration(value: object) -> bool:
    if not _is_numbers(value, {"gender_temperature": _TEMPERATURE, "faces": (0, math.inf)}):
        return False
    ages = value.get("age_temperatures", [value.get("age_temperature")])
    return isinstance(ages, list) and all(_is_number(age, *_TEMPERATURE) for age in ages)


_TEMPERATURE = (1e-3, 1e3)
_TRAINING = {"age_mean": (0, MAX_AGE), "male_share": (0, 1)}
# By field: the expected value in words, and its check.
_VALID: dict[str, tuple[str, Callable[[object], bool]]] = {
    "architecture": ("a name and arguments of a network", _is_architecture),
    "crop": (
        f"a size from 1 to {MAX_IMG_SIZE}, a margin from 0 to 10, a known alignment",
        lambda crop: (
            isinstance(crop.size, int)
            and _is_number(crop.size, 1, MAX_IMG_SIZE)
            and _is_number(crop.margin, 0, 10)
            and crop.alignment in DEFAULT_MARGINS
        ),
    ),
    "data": ("a list of databases with margins from 0 to 10", _is_data),
    "figures": ("numbers by name", _is_figures),
    "training": (
        "a mean age and a share of men",
        lambda value: value is None or _is_numbers(value, _TRAINING),
    ),
    "calibration": (
        "positive temperatures and a number of faces",
        lambda value: value is None or _is_calibration(value),
    ),
    "split": ("a split", lambda value: value is None or isinstance(value, dict)),
}
