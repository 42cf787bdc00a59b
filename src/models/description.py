"""Descriptions of models in checkpoints and exports, read without Keras."""

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from .. import __version__
from ..data.identities import Identities
from ..errors import UserError
from ..faces import DEFAULT_MARGINS, NO_ALIGNMENT
from ..faces.crop import FaceCrop
from ..files import wrap_read_errors
from ..labels import GENDERS, MAX_AGE

OUTPUTS = ("pred_gender", "pred_age")
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

    architecture: `name` and the arguments of `build_model`.
    crop: the face crops that it expects, BGR, 0..255.
    data: the databases it was trained on, each with `db`, `file`, `rows` and `margin`, if known,
        the kind of its `identity`, and `hashed_by`, see `data.split`; databases of its initial
        weights have `initial`, and `db` None if unknown.
    metrics: validation metrics of the best epoch, by name.
    training: the mean and the median age in years and the share of men, 0..1, of the training rows,
        as `age_mean`, `age_median` and `male_share`; version 0.2 had no median.
    calibration: the temperatures by which the heads' scores were divided, as `gender_temperature`
        and `age_temperature` (in files of version 0.1.0 a list, `age_temperatures`), the number of
        `faces` and the `collections` for the fit; None without temperature scaling.
    split: `src.data.split.Split` as JSON; None in files without one.
    mirror: whether scores are averaged over the face and its mirror image; ignored by training.
    identities: of the faces of its run, and of the training of its initial weights and its teacher;
        None in files of version 0.2 and of the original toolkit.
    """

    architecture: dict
    crop: FaceCrop
    data: list[dict] = field(default_factory=list)
    metrics: dict[str, float] = field(default_factory=dict)
    training: dict[str, float] | None = None
    calibration: dict[str, float | list] | None = None
    split: dict | None = None
    mirror: bool = False
    identities: Identities | None = None

    @property
    def margins(self) -> list[float]:
        """Its margin, and all further margins of its training data."""
        own = [part.get("margin") for part in self.data if not part.get("initial")]
        trained = {margin for margin in own if margin is not None}
        return [self.crop.margin, *sorted(trained - {self.crop.margin})]


def describe(description: Description) -> dict:
    """The content of a file's description as JSON values, contract and version included."""
    values, identities = asdict(replace(description, identities=None)), description.identities
    values["identities"] = identities and identities.as_json()
    return {"version": __version__, **_CONTRACT, **values}


def read_description(path: Path, text: str) -> Description:
    """The description in the JSON `text` of the file `path`; further keys are ignored.

    Raises:
        UserError: it cannot be read, or its colours or classes differ from this toolkit's.
    """
    with wrap_read_errors(path, "a description"):
        stored = json.loads(text)
        for key, expected in _CONTRACT.items():
            if stored[key] != expected:
                raise UserError(
                    f"{path}: expected {key} {expected}, received {stored[key]}; it was made by "
                    f"version {stored.get('version')} of the toolkit, this is {__version__}"
                )
        if "crop" not in stored:  # version 0.1 aligned faces without a margin
            alignment = stored["align"]
            margin = stored["margin"] if alignment == NO_ALIGNMENT else 0.0
            stored["crop"] = asdict(FaceCrop(stored["img_size"], margin, alignment))
        stored["crop"] = FaceCrop(**stored["crop"])
        if stored["crop"].alignment not in DEFAULT_MARGINS:
            raise ValueError(f"unknown alignment {stored['crop'].alignment!r}")
        if "figures" in stored:  # version 0.2
            stored["metrics"] = stored["figures"]
            stored["mirror"] = bool(stored["architecture"].pop("mirror", False))
        if stored.get("identities"):
            stored["identities"] = Identities.from_json(stored["identities"])
        known = {key for key in Description.__dataclass_fields__ if key in stored}
        return Description(**{key: stored[key] for key in known})
