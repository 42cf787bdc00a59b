"""Temperatures by which a model is as sure as it is right.

They are fitted on one half of the validation faces, and measured on the other. Temperature scaling:
Guo et al., "On calibration of modern neural networks", ICML 2017, https://arxiv.org/abs/1706.04599.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from tabulate import tabulate

from src.errors import UserError
from src.estimation.estimator import Estimates, Estimator
from src.estimation.tempering import by_class, tempered
from src.evaluation.evaluate import estimate, model_split
from src.evaluation.figures import baseline, figures, measure
from src.evaluation.labelled import from_databases, select
from src.evaluation.results import Labels
from src.evaluation.slices import ALL, age_bands
from src.evaluation.tables import TITLES
from src.models.description import TEMPERED_AGES

MASS = 0.8  # of the ages that their intervals are to hold
WANTED, WANTED_OF_BANDS = (0.78, 0.82), (0.70, 0.90)  # shares of ages in their intervals
LARGE = 100  # faces: of smaller age bands the coverage says little
MOST_ECE = 0.03
_HOTTEST = 8.0  # the temperatures that are searched, and their inverses
_HALVINGS = 20
_BAND_WITHIN = 0.085  # of 80 %: bands that are fitted so are within 10 on other faces


@dataclass(frozen=True)
class Row:
    """A figure of the measured half, a share, before and after.

    wanted: its least and its most.  faces: that it is of.
    """

    name: str
    before: float
    after: float
    wanted: tuple[float, float]
    faces: int


@dataclass(frozen=True)
class Calibration:
    """Temperatures, as in `Description.calibration`, fitted on `faces` faces.

    rows: what they do on the others.  notes: how the faces differ from what the model wants.
    """

    gender_temperature: float
    age_temperatures: list[float]
    faces: int
    rows: list[Row]
    notes: list[str]

    def described(self) -> dict[str, float]:
        """What a checkpoint says of it, see `Description.calibration`."""
        names = ("gender_temperature", "age_temperatures", "faces")
        return {name: getattr(self, name) for name in names}

    def __str__(self) -> str:
        """The rows as a table, and a line for each that is not as wanted."""
        headers = ["on the other half", "before", "after", "wanted", "faces"]
        table = [
            [
                r.name,
                f"{r.before:.3f}",
                f"{r.after:.3f}",
                "{:g} to {:g}".format(*r.wanted),
                f"{r.faces:,}",
            ]
            for r in self.rows
        ]
        lines = [tabulate(table, headers, disable_numparse=True, stralign="right")]
        lines += [
            f"note: {row.name} is {row.after:.3f}, outside {row.wanted[0]:g} to {row.wanted[1]:g}"
            for row in self.rows
            if not row.wanted[0] <= row.after <= row.wanted[1]
        ]
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])


def calibrate(estimator: Estimator, databases: list[Path]) -> Calibration:
    """Fit temperatures on half of the validation faces of the model's run in its databases.

    The half is chosen by place, see `Split`, so that pixel-identical pictures are in one half.
    Raises `UserError` if the model has no split, the databases are others, or no label is known.
    """
    done = estimator.description.calibration
    if done:
        raise UserError(
            "--calibrate: expected a weight file that is not calibrated yet, received one that is, "
            f"on {done['faces']:,} faces; name the one that it was made of"
        )
    split = model_split(estimator.description, "--calibrate")
    faces = from_databases(databases, "validation", split)
    notes = faces.check(estimator)
    fitted = split.places(faces.parts)[faces.rows] < split.validation_split / 2
    _, said, _ = estimate(faces, estimator)
    one, other = (np.flatnonzero(half) for half in (fitted, ~fitted))
    labels = select(faces.labels, one)
    temperatures = (
        gender_temperature(said.of_faces(one).p_female, labels.gender),
        age_temperatures(said.of_faces(one), labels),
    )
    labels, before = select(faces.labels, other), said.of_faces(other)
    rows = _rows(labels, before, tempered(before, by_class(*temperatures)))
    return Calibration(*temperatures, len(one), rows, notes)


def gender_temperature(p_female: np.ndarray, gender: np.ndarray) -> float:
    """The temperature of the largest likelihood of genders, (N,), 0, 1 or NaN."""
    known = ~np.isnan(gender)
    p_female = np.clip(p_female[known].astype(np.float64), 1e-12, 1 - 1e-12)
    # How far the scores speak for the true gender; the likelihood's slope in 1 / T falls with it.
    scores = np.log(p_female / (1 - p_female)) * np.where(gender[known] == 1, -1, 1)
    return _temperature("gender", scores, lambda t: (scores / (1 + np.exp(scores / t))).sum() < 0)


def age_temperatures(estimates: Estimates, labels: Labels) -> list[float]:
    """The temperatures at which intervals hold 80 % of the ages, as evaluations count them.

    One for all ages, by bisection on the coverage, and not the likelihood: it is the interval that
    has to be right. Where a large age band is then not as wanted, one at each of `TEMPERED_AGES`.
    """
    known = np.flatnonzero(~np.isnan(labels.age_low))
    estimates, labels = estimates.of_faces(known), select(labels, known)

    def too_sure(temperature: float) -> bool:
        said = tempered(estimates, by_class(1, [temperature] * len(TEMPERED_AGES)))
        return _covered(labels, said).mean() < MASS

    one = _temperature("age", known, too_sure)
    return _fit_bands(estimates, labels, one)


def _fit_bands(estimates: Estimates, labels: Labels, temperature: float) -> list[float]:
    """Temperatures by age that leave bands about as wanted, errors small, and differ little; one if
    that does."""
    bands = age_bands(labels)
    large = [bands == band for band in np.unique(bands) if (bands == band).sum() >= LARGE]
    start = np.full(len(TEMPERED_AGES), np.log(temperature))

    def look(logarithms: np.ndarray) -> tuple[float, float, float]:
        said = tempered(estimates, by_class(1, np.exp(logarithms)))
        measures = measure(labels, said, baseline(None, labels))
        covered = measures["covered"]
        outside = [max(0, abs(covered[band].mean() - MASS) - _BAND_WITHIN) for band in large]
        return sum(outside), abs(covered.mean() - MASS), np.abs(measures["error"]).mean()

    outside, _, error = look(start)
    if not outside:
        return np.exp(start).tolist()

    def cost(logarithms: np.ndarray) -> float:
        outside, off, mae = look(logarithms)
        steps = np.abs(np.diff(logarithms)).sum()
        return outside + 10 * off + 0.3 * max(0, mae - error) + 0.01 * steps

    # Nelder and Mead's method, as coverage is in steps, without a slope. Its first tries are hotter
    # up to an age, and colder above.
    around = [start, *(start + 0.5 * np.tri(len(start)) - 0.25)]
    found = minimize(
        cost, start, method="Nelder-Mead", options={"initial_simplex": around, "maxfev": 400}
    )
    return np.exp(found.x).tolist()


def _temperature(what: str, known: np.ndarray, too_sure: Callable[[float], bool]) -> float:
    """The least temperature that is not too sure, by bisection."""
    if not len(known):
        raise UserError(
            f"--calibrate: expected validation faces of known {what}, found none; name databases "
            "that have it"
        )
    low, high = -np.log(_HOTTEST), np.log(_HOTTEST)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if too_sure(np.exp(middle)) else (low, middle)
    return float(np.exp((low + high) / 2))


def _covered(labels: Labels, said: Estimates) -> np.ndarray:
    """The share of each label's years that the interval holds, (N,)."""
    return measure(labels, said, baseline(None, labels))["covered"]


def _rows(labels: Labels, before: Estimates, after: Estimates) -> list[Row]:
    """The coverage of all ages and of every large band, and the genders' calibration error."""
    bands = age_bands(labels)
    parts = {ALL: np.arange(len(labels))}
    parts |= {f"age {band}": np.flatnonzero(bands == band) for band in np.unique(bands) if band}
    one, other = (
        figures(measure(labels, said, baseline(None, labels)), parts, seed=0, resamples=1)
        .set_index(["slice", "figure"])
        .to_dict("index")
        for said in (before, after)
    )
    wanted = {
        (part, "coverage"): WANTED if part == ALL else WANTED_OF_BANDS
        for part in parts
        if part == ALL or len(parts[part]) >= LARGE
    }
    wanted[ALL, "ece"] = (0, MOST_ECE)
    return [
        Row(
            f"{TITLES[key[1]][0]}, {key[0]}",
            one[key]["value"],
            other[key]["value"],
            limits,
            one[key]["n"],
        )
        for key, limits in wanted.items()
        if key in one
    ]
