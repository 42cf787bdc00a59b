"""What checkpoints and exported files say of themselves; reading it takes no Keras."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from src import __version__
from src.errors import UserError
from src.labels import GENDERS, MAX_AGE

OUTPUTS = ("pred_gender", "pred_age")
ORIGINAL_MARGIN = 0.4
# Years; the logarithm of the temperature is linear between them, and above them as at the last.
TEMPERED_AGES = (0, 15, 30)
# What every file holds alike; one that says otherwise is not ours to read.
_CONTRACT = {"colour": "BGR", "range": [0, 255], "genders": list(GENDERS), "ages": [0, MAX_AGE]}


@dataclass(frozen=True)
class Description:
    """What a model says of itself.

    architecture: `name` and the arguments of the network's `build`.
    img_size: side of the faces it takes, in pixels; they are BGR, 0..255.
    margin: margin around the face box, as a share of the box, that its faces were cut with.
    align: alignment that its faces were warped with, or "none".
    data: the databases it was trained on, each with its margin where known.  figures: what it
        reached, by name.
    training: the mean age in years and the share of men, 0..1, of the rows it was trained on, as
        `age_mean` and `male_share`; None in files that do not say.
    split: `src.data.split.Split` as JSON; None in files without one.
    calibration: the temperatures that the heads' scores were divided by, as `gender_temperature`
        and `age_temperatures`, those at the ages of `TEMPERED_AGES`, and the `faces` that they were
        fitted on; None where they were not.
    """

    architecture: dict
    img_size: int
    margin: float = ORIGINAL_MARGIN
    align: str = "none"
    data: list[dict] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)
    training: dict[str, float] | None = None
    calibration: dict[str, float | list[float]] | None = None
    split: dict | None = None

    @property
    def margins(self) -> list[float]:
        """Its margin, and every other that faces it was trained on were cut with."""
        trained = {part["margin"] for part in self.data if part.get("margin") is not None}
        return [self.margin, *sorted(trained - {self.margin})]


def describe(description: Description) -> dict:
    """All that a file says, ready for JSON: the description, the contract and the version."""
    return {"version": __version__, **_CONTRACT, **asdict(description)}


def read_description(path: Path, text: str) -> Description:
    """The description in `path`, of its JSON `text`, which may say more.

    Raises `UserError` where it cannot be read, or says other colours or classes than ours.
    """
    try:
        # Files of before these were known lack them.
        said = {"training": None, "calibration": None, "split": None, **json.loads(text)}
        wrong = [key for key, value in _CONTRACT.items() if said[key] != value]
        known = {key: said[key] for key in Description.__dataclass_fields__}
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: its description cannot be read: {error!r}") from error
    if wrong:
        raise UserError(
            f"{path}: expected {wrong[0]} {_CONTRACT[wrong[0]]}, received {said[wrong[0]]}; it was "
            f"made by version {said.get('version')} of the toolkit, this is {__version__}"
        )
    return Description(**known)
