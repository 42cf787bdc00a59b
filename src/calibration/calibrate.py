"""Calibration of a model on held-out faces."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tabulate import tabulate

from ..data.split import divide
from ..errors import UserError
from ..estimation.estimator import Estimates, Estimator
from ..evaluation.evaluate import estimate, with_uses
from ..evaluation.figures import baseline, figures, measure
from ..evaluation.labelled import DatabaseFaces, from_databases, select
from ..evaluation.metrics import BY_NAME
from ..evaluation.results import Labels
from ..evaluation.slices import ALL, is_age_band, slices
from ..models.seen import HELD_OUT, NEVER_SEEN
from .temperatures import LARGE, MIN_OF_BAND, Temperatures, fit_age, fit_gender

Range = tuple[float, float]
_MIN_FACES = 20  # a temperature of fewer is noise
_ALL, _OF_NEVER_SEEN, _OF_PART, _ECE = (0.78, 0.82), (0.75, 0.85), (MIN_OF_BAND, 0.90), (0, 0.03)


@dataclass(frozen=True)
class Row:
    """A metric of the measured half before and after, a share, and its target range."""

    name: str
    before: float
    after: float
    target: Range
    faces: int


@dataclass(frozen=True)
class Calibration:
    """Temperatures that were fitted on `faces` faces of `collections`.

    rows: their effect on the other half.  notes: warnings, one line each.
    """

    temperatures: Temperatures
    faces: int
    collections: list[str]
    rows: list[Row]
    notes: list[str]

    def description(self) -> dict[str, float | list[str]]:
        """`Description.calibration`."""
        return {
            "gender_temperature": self.temperatures.gender,
            "age_temperature": self.temperatures.age,
            "faces": self.faces,
            "collections": self.collections,
        }

    def __str__(self) -> str:
        """The rows as a table, and one note per row outside its range."""
        headers = ["on the other half", "before", "after", "target", "faces"]
        table = [
            [
                row.name,
                f"{row.before:.3f}",
                f"{row.after:.3f}",
                "{:g} to {:g}".format(*row.target),
                f"{row.faces:,}",
            ]
            for row in self.rows
        ]
        lines = [tabulate(table, headers, disable_numparse=True, stralign="right")]
        lines += [
            f"note: {row.name} is {row.after:.3f}, outside {row.target[0]:g} to {row.target[1]:g}"
            for row in self.rows
            if not row.target[0] <= row.after <= row.target[1]
        ]
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])


def calibrate(estimator: Estimator, databases: list[Path]) -> Calibration:
    """Fit temperatures on half of the faces not trained on, and measure them on the other half.

    The faces are the validation faces of databases of the model's run, and all faces of collections
    that it never saw. A temperature is fitted on unseen collections alone if they have the label,
    as users' faces are unseen too. Pixel-identical pictures are in the same half.
    Raises `UserError` if the model is calibrated already, its validation faces are unknown, there
    are fewer than 20 faces, or no label is known.
    """
    done = estimator.description.calibration
    if done:
        raise UserError(
            "--calibrate: expected a weight file that is not calibrated yet, received one "
            f"calibrated on {done['faces']:,} faces; pass the file that it was made from"
        )
    faces = from_databases(databases, "validation", estimator.description, flag="--calibrate")
    if len(faces.rows) < _MIN_FACES:
        raise UserError(
            f"--calibrate: expected at least {_MIN_FACES} faces that were not trained on, received "
            f"{len(faces.rows)}; pass larger databases"
        )
    notes = faces.check(estimator)
    rows, estimates, _ = estimate(faces, estimator)
    labels = with_uses(select(faces.labels, rows), faces.uses(estimator.description))
    first = _first_half(faces)[rows]
    unseen = labels.columns["collections"] == NEVER_SEEN
    measured = np.flatnonzero(~first)
    of_gender = _preferred(first & ~np.isnan(labels.gender), unseen)
    of_age = _preferred(first & ~np.isnan(labels.age_low), unseen)
    temperatures = Temperatures(
        fit_gender(estimates.p_female[of_gender], labels.gender[of_gender]),
        fit_age(estimates.of_faces(of_age), select(labels, of_age)),
    )
    fitted = np.union1d(of_gender, of_age)
    return Calibration(
        temperatures,
        len(fitted),
        np.unique(labels.columns["source"][fitted]).tolist(),
        _rows(select(labels, measured), estimates.of_faces(measured), temperatures),
        [*faces.notes, *notes],
    )


def _preferred(usable: np.ndarray, preferred: np.ndarray) -> np.ndarray:
    """Rows, int64, of the usable faces that are preferred; of all usable ones if none is."""
    both = usable & preferred
    return np.flatnonzero(both if both.any() else usable)


def _first_half(faces: DatabaseFaces) -> np.ndarray:
    """Random half of the faces, bool (N,), without pictures or persons in both halves."""
    _, rows = divide(faces.parts, "random", 0.5, 0, seed=0)
    return np.isin(faces.rows, rows["validation"])


def _rows(labels: Labels, before: Estimates, temperatures: Temperatures) -> list[Row]:
    """Coverage for all faces, by use of collections and by large age band, and gender ECE."""
    is_mixed = (labels.columns["collections"] == NEVER_SEEN).any()
    target: dict[tuple[str, str], Range] = {} if is_mixed else {(ALL, "coverage"): _ALL}
    target[f"collections {NEVER_SEEN}", "coverage"] = _OF_NEVER_SEEN
    if is_mixed:
        target[f"collections {HELD_OUT}", "coverage"] = _OF_PART
    parts = slices(labels)
    target |= {
        (name, "coverage"): _OF_PART
        for name, rows in parts.items()
        if is_age_band(name) and len(rows) >= LARGE
    }
    target[ALL, "ece"] = _ECE
    parts = {
        name: rows for name, rows in parts.items() if (name, "coverage") in target or name == ALL
    }
    one, other = (
        figures(measure(labels, each, baseline(None, labels)), parts, seed=0, resamples=1)
        .set_index(["slice", "figure"])
        .to_dict("index")
        for each in (before, temperatures.scale(before))
    )
    return [
        Row(
            f"{BY_NAME[name].title}, {part}",
            one[part, name]["value"],
            other[part, name]["value"],
            limits,
            one[part, name]["n"],
        )
        for (part, name), limits in target.items()
        if (part, name) in one
    ]
