"""Calibration of a model on held-out faces."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from tabulate import tabulate

from ..data.split import divide
from ..errors import UserError
from ..estimation.estimator import Estimates, Estimator
from ..evaluation.evaluate import estimate, measures_table
from ..evaluation.labelled import from_databases
from ..evaluation.measures import measure, whole_ranges
from ..evaluation.metrics import BY_NAME
from ..evaluation.subgroups import ALL, USE, is_age_band, subgroups
from ..labels import age_targets, gender_targets
from ..models.seen import NEVER_SEEN
from .temperatures import distributions, fit, scale

_MIN_FACES = 20  # a temperature of fewer is noise
_MIN_UNSEEN = 100  # faces of unseen datasets that are fitted on alone
_SEED = 2**33  # above those of train.py, whose random splits must not decide the halves
_LARGE = 100  # faces: coverage of smaller age bands is not reliable
# Ranges of the coverage of 80 % intervals by subgroup, and of the gender calibration error.
_COVERAGE = {ALL: (0.78, 0.82), f"{USE} {NEVER_SEEN}": (0.75, 0.85)}
_OTHER_COVERAGE, _ECE = (0.70, 0.90), (0, 0.03)


@dataclass(frozen=True)
class Calibration:
    """Temperatures and their effect on faces that they were not fitted on.

    description: `Description.calibration`.
    faces: number of faces that each temperature was fitted on, by head.
    table: one row per metric: `metric`, its value `before` and `after`, its `target`, a range or
        "lower", and the number of `faces`.
    notes: warnings, one line each.
    """

    description: dict[str, float | list[str]]
    faces: dict[str, int]
    table: pd.DataFrame
    notes: list[str]

    def __str__(self) -> str:
        lines = [
            f"{head} temperature {self.description[f'{head}_temperature']:.3f}, fitted on "
            f"{count:,} faces"
            for head, count in self.faces.items()
        ]
        headers = ["on the other half", *self.table.columns[1:]]
        formats = {"floatfmt": ".3f", "intfmt": ",", "stralign": "right"}
        lines.append(tabulate(self.table, headers, showindex=False, **formats))
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])


def calibrate(estimator: Estimator, databases: list[Path]) -> Calibration:
    """Fit temperatures on half of the faces not trained on, and measure them on the other half.

    The faces are the validation faces of databases of the model's run, and all faces of datasets
    that it never saw. A temperature is fitted on unseen datasets alone if 100 of their faces have
    the label, as users' faces are unseen too. Identical images are in the same half.

    Raises:
        UserError: The model is calibrated already, its validation faces are unknown, or a
            temperature would be fitted on fewer than 20 faces.
    """
    done = estimator.description.calibration
    if done:
        raise UserError(
            "--calibrate: expected a weight file that is not calibrated yet, received one "
            f"calibrated on {done['faces']:,} faces; pass the file that it was made from"
        )
    faces = from_databases(databases, "validation", estimator.description, flag="--calibrate")
    notes = [*faces.notes, *faces.check(estimator)]
    labels, estimates, _ = estimate(faces, estimator)
    _, halves = divide(faces.parts, "random", 0.5, 0, _SEED)  # no image or person is in both
    first = np.isin(labels.index, halves["validation"])
    targets = gender_targets(labels["gender"].to_numpy()), age_targets(*whole_ranges(labels))
    description, fitted = {}, {}
    for (head, distribution), target in zip(distributions(estimates).items(), targets, strict=True):
        known = (target == 0).any(axis=1)  # targets of unknown labels are uniform
        if len(np.unique(target[known], axis=0)) > 1:  # given the label, no model looks calibrated
            chosen = fitted[head] = _fitted(head, labels, first & known)
            description[f"{head}_temperature"] = fit(distribution[chosen], target[chosen])
        else:
            notes.append(f"fewer than two values of {head} are known: its temperature stays 1")
            fitted[head], description[f"{head}_temperature"] = np.arange(0), 1.0
    sources = labels["source"].iloc[np.union1d(*fitted.values())]
    description["faces"] = max(map(len, fitted.values()))
    description["collections"] = sorted(set(sources))
    measured = np.flatnonzero(~first)
    labels, estimates = labels.iloc[measured], estimates.of_faces(measured)
    table, outside = _compare(labels, estimates, scale(estimates, description))
    counts = {head: len(chosen) for head, chosen in fitted.items()}
    return Calibration(description, counts, table, outside + notes)


def _fitted(head: str, labels: pd.DataFrame, usable: np.ndarray) -> np.ndarray:
    """Rows, int64, of the usable faces of unseen datasets if there are enough; else of all."""
    unseen = usable & (labels[USE] == NEVER_SEEN).to_numpy()
    rows = np.flatnonzero(unseen if unseen.sum() >= _MIN_UNSEEN else usable)
    if len(rows) < _MIN_FACES:
        raise UserError(
            f"--calibrate: expected at least {_MIN_FACES} faces to fit the {head}, received "
            f"{len(rows)} with a known {head} that were not trained on (half of them are for the "
            "measurement); pass larger databases"
        )
    return rows


def _compare(
    labels: pd.DataFrame, before: Estimates, after: Estimates
) -> tuple[pd.DataFrame, list[str]]:
    """`Calibration.table`, and a note for each metric outside its range.

    The metrics are proper scores, coverage, of datasets never seen apart, and of large age bands,
    and the gender calibration error.
    """
    groups, uses = subgroups(labels), sorted(set(labels[USE]))
    names = [f"{USE} {use}" for use in uses] if NEVER_SEEN in uses else [ALL]
    names += [name for name, rows in groups.items() if is_age_band(name) and len(rows) >= _LARGE]
    targets = {(ALL, "nll"): None, (ALL, "gender_nll"): None}
    targets |= {(name, "coverage"): _COVERAGE.get(name, _OTHER_COVERAGE) for name in names}
    targets[ALL, "ece"] = _ECE
    one, two = (
        measures_table("", measure(labels, each), groups, seed=0, resamples=0)
        .set_index(["subgroup", "metric"])
        .to_dict("index")
        for each in (before, after)
    )
    rows, notes = [], []
    for (name, metric), limits in targets.items():
        if (name, metric) not in one:
            continue
        title, found = f"{BY_NAME[metric].title}, {name}", two[name, metric]
        target = "{:g} to {:g}".format(*limits) if limits else "lower"
        rows.append((title, one[name, metric]["value"], found["value"], target, found["n"]))
        if limits and not limits[0] <= found["value"] <= limits[1]:
            notes.append(f"{title} is {found['value']:.3f}, outside {target}")
    return pd.DataFrame(rows, columns=["metric", "before", "after", "target", "faces"]), notes
