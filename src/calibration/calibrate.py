"""Calibration of a model on held-out faces."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tabulate import tabulate

from ..data.split import divide
from ..errors import UserError
from ..estimation.estimator import Estimates, Estimator
from ..evaluation.evaluate import estimate, with_uses
from ..evaluation.labelled import DatabaseFaces, from_databases
from ..evaluation.measures import measure
from ..evaluation.metrics import BY_NAME
from ..evaluation.results import Labels
from ..evaluation.subgroups import ALL, USE, is_age_band, subgroups
from ..evaluation.table import measures_table
from ..models.seen import NEVER_SEEN
from .temperatures import Temperatures, fit_age, fit_gender

Range = tuple[float, float]
_MIN_FACES = 20  # a temperature of fewer is noise
_MIN_UNSEEN = 100  # faces of unseen datasets that are fitted on alone
_LARGE = 100  # faces: coverage of smaller age bands is not reliable
_ALL, _OF_NEVER_SEEN, _OF_PART, _ECE = (0.78, 0.82), (0.75, 0.85), (0.70, 0.90), (0, 0.03)


@dataclass(frozen=True)
class Row:
    """A metric of the measured half before and after, and its target range, None if any is."""

    name: str
    before: float
    after: float
    target: Range | None
    faces: int


@dataclass(frozen=True)
class Calibration:
    """Temperatures, and the number of faces that each was fitted on, by head.

    datasets: of these faces.  rows: the effect on the other half.  notes: warnings, one line each.
    """

    temperatures: Temperatures
    faces: dict[str, int]
    datasets: list[str]
    rows: list[Row]
    notes: list[str]

    def description(self) -> dict[str, float | list[str]]:
        """`Description.calibration`."""
        return {
            "gender_temperature": self.temperatures.gender,
            "age_temperature": self.temperatures.age,
            "faces": max(self.faces.values()),
            "collections": self.datasets,
        }

    def __str__(self) -> str:
        """Temperatures, the rows as a table, and one note per row outside its range."""
        fitted = [
            f"{head} temperature {getattr(self.temperatures, head):.3f}, fitted on {count:,} faces"
            for head, count in self.faces.items()
        ]
        headers = ["on the other half", "before", "after", "target", "faces"]
        table = [
            [
                row.name,
                f"{row.before:.3f}",
                f"{row.after:.3f}",
                "{:g} to {:g}".format(*row.target) if row.target else "lower",
                f"{row.faces:,}",
            ]
            for row in self.rows
        ]
        lines = [*fitted, tabulate(table, headers, disable_numparse=True, stralign="right")]
        lines += [
            f"note: {row.name} is {row.after:.3f}, outside {row.target[0]:g} to {row.target[1]:g}"
            for row in self.rows
            if row.target and not row.target[0] <= row.after <= row.target[1]
        ]
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])


def calibrate(estimator: Estimator, databases: list[Path]) -> Calibration:
    """Fit temperatures on half of the faces not trained on, and measure them on the other half.

    The faces are the validation faces of databases of the model's run, and all faces of datasets
    that it never saw. A temperature is fitted on unseen datasets alone if 100 of their faces have
    the label, as users' faces are unseen too. Identical images are in the same half.
    Raises `UserError` if the model is calibrated already, its validation faces are unknown, or a
    temperature would be fitted on fewer than 20 faces.
    """
    done = estimator.description.calibration
    if done:
        raise UserError(
            "--calibrate: expected a weight file that is not calibrated yet, received one "
            f"calibrated on {done['faces']:,} faces; pass the file that it was made from"
        )
    faces = from_databases(databases, "validation", estimator.description, flag="--calibrate")
    notes = faces.check(estimator)
    rows, estimates, _ = estimate(faces, estimator)
    labels = with_uses(faces.labels.of_faces(rows), faces.uses(estimator.description))
    first = _first_half(faces)[rows]
    temperatures, fitted = {}, {}
    for head, known, fit in (
        ("gender", ~np.isnan(labels.gender), fit_gender),
        ("age", ~np.isnan(labels.age_low), fit_age),
    ):
        if not known.any():
            notes.append(f"no {head} is known: its temperature stays 1")
            temperatures[head], fitted[head] = 1.0, np.empty(0, np.int64)
            continue
        chosen = fitted[head] = _fitted(head, labels, first & known)
        temperatures[head] = fit(estimates.of_faces(chosen), labels.of_faces(chosen))
    joined = np.union1d(*fitted.values())
    found, measured = Temperatures(**temperatures), np.flatnonzero(~first)
    return Calibration(
        found,
        {head: len(chosen) for head, chosen in fitted.items()},
        np.unique(labels.columns["source"][joined]).tolist(),
        _rows(labels.of_faces(measured), estimates.of_faces(measured), found),
        [*faces.notes, *notes],
    )


def _fitted(head: str, labels: Labels, usable: np.ndarray) -> np.ndarray:
    """Rows, int64, of the usable faces of unseen datasets if there are enough; else of all."""
    unseen = usable & (labels.columns[USE] == NEVER_SEEN)
    rows = np.flatnonzero(unseen if unseen.sum() >= _MIN_UNSEEN else usable)
    if len(rows) < _MIN_FACES:
        raise UserError(
            f"--calibrate: expected at least {_MIN_FACES} faces to fit the {head}, received "
            f"{len(rows)} with a known {head} that were not trained on (half of them are for the "
            "measurement); pass larger databases"
        )
    return rows


def _first_half(faces: DatabaseFaces) -> np.ndarray:
    """Random half of the faces, bool (N,), without images or persons in both halves."""
    _, rows = divide(faces.parts, "random", 0.5, 0, seed=0)
    return np.isin(faces.rows, rows["validation"])


def _rows(labels: Labels, before: Estimates, temperatures: Temperatures) -> list[Row]:
    """Proper scores, coverage for all faces, by use and by large age band, and gender ECE."""
    groups = subgroups(labels)
    target: dict[tuple[str, str], Range | None] = {(ALL, "nll"): None, (ALL, "gender_nll"): None}
    is_mixed = (labels.columns[USE] == NEVER_SEEN).any()
    target |= {
        (name, "coverage"): _OF_NEVER_SEEN if name == f"{USE} {NEVER_SEEN}" else _OF_PART
        for name, rows in groups.items()
        if (is_mixed and name in {f"{USE} {use}" for use in labels.columns[USE]})
        or (is_age_band(name) and len(rows) >= _LARGE)
    }
    if not is_mixed:
        target[ALL, "coverage"] = _ALL
    target[ALL, "ece"] = _ECE
    one, other = (
        measures_table("", measure(labels, each), groups, labels.units(), seed=0, resamples=0)
        .set_index(["subgroup", "metric"])
        .to_dict("index")
        for each in (before, temperatures.scale(before))
    )
    return [
        Row(
            f"{BY_NAME[name].title}, {subgroup}",
            one[subgroup, name]["value"],
            other[subgroup, name]["value"],
            limits,
            one[subgroup, name]["n"],
        )
        for (subgroup, name), limits in target.items()
        if (subgroup, name) in one
    ]
