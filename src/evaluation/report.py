"""HTML report of an evaluation, in one file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import permutations
from pathlib import Path
from typing import NamedTuple

import jinja2
import numpy as np
import pandas as pd

from src.evaluation.metrics import BASELINE, BY_NAME, CONFUSION, METRICS
from src.evaluation.plots import draw_plots, series
from src.evaluation.results import Evaluation, Labels, Results
from src.evaluation.slices import ALL, CROSS, FEW
from src.evaluation.tables import BY_SLICE, sections
from src.faces.images import data_url, shrink
from src.files import replacing
from src.labels import GENDERS, age_text

_TEMPLATE = "report.html"
_THUMBNAIL = 128  # pixels, maximum side
_MAX_LEFT_OUT = 100


class _Cell(NamedTuple):
    """A metric of a slice, or a difference between two models, as text."""

    value: str
    interval: str
    n: int  # faces
    few: bool
    better: str = ""  # the better model of a difference whose interval excludes 0


class _Confusion(NamedTuple):
    """A cell of the confusion matrix; `share` is of the true gender's faces, 0 to 1."""

    faces: int
    share: float
    percent: str


@dataclass(frozen=True)
class _Column:
    """A model, or the difference between two: cells by slice and metric."""

    name: str
    cells: dict[tuple[str, str], _Cell]
    color: str = ""
    sign: str = ""
    faces: int = 0
    baseline: str = ""
    calibration: str = ""
    left_out: list[tuple[str, str]] = field(default_factory=list)
    confusion: dict[tuple[str, str], _Confusion] = field(default_factory=dict)
    worst: list[dict] = field(default_factory=list)

    def faces_of(self, name: str) -> int:
        """Number of faces of a slice: the maximum over the metrics in the tables by slice."""
        found = (self.cells.get((name, metric.name)) for metric in BY_SLICE)
        return max((cell.n for cell in found if cell), default=0)

    def among(self, names: list[str]) -> list[str]:
        """The slices of `names` that have a metric in the tables by slice."""
        return [name for name in names if self.faces_of(name)]


class _Family(NamedTuple):
    """Tables of one kind of slice: columns with the names of their slices."""

    title: str
    is_crossed: bool
    tables: list[tuple[_Column, list[str]]]


def write_report(path: Path, results: Results) -> None:
    """Write the results to `path` as a self-contained HTML page without scripts."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    models = [_model(results, place) for place in range(len(results.evaluations))]
    comparisons = _comparisons(results)
    page = environment.get_template(_TEMPLATE).render(
        about=list(_about(results)),
        notes=results.notes,
        faces=len(results.labels),
        models=models,
        comparisons=comparisons,
        plots=draw_plots(results),
        families=_families(results, models, comparisons),
        metrics=METRICS,
        by_slice=BY_SLICE,
        max_left_out=_MAX_LEFT_OUT,
        genders=GENDERS,
        all=ALL,
        cross=CROSS,
        baseline=BASELINE,
        few=FEW,
    )
    with replacing(path) as partial:
        partial.write_text(page, encoding="utf-8", errors="backslashreplace")


def _families(results: Results, models: list[_Column], comparisons: list[_Column]) -> list[_Family]:
    families = []
    for title, rows in sections(results.evaluations).items():
        tables = [(m, [name for name, model in rows if model == m.name]) for m in models]
        names = list(dict.fromkeys(name for name, _ in rows))
        tables += [(comparison, comparison.among(names)) for comparison in comparisons]
        families.append(_Family(title, CROSS in names[0], [table for table in tables if table[1]]))
    return families


def _about(results: Results) -> Iterator[tuple[str, str]]:
    """Terms and descriptions of the evaluated faces and the run."""
    labels = results.labels
    age = np.isfinite(labels.age_low)
    yield "faces", f"{len(labels):,}"
    if age.any():
        ranges = int((labels.age_low < labels.age_high).sum())
        span = f"{labels.age_low[age].min():g} to {labels.age_high[age].max():g} years"
        yield "age known", f"{age.sum():,}, {span}" + (f"; {ranges:,} as ranges" if ranges else "")
    else:
        yield "age known", "for none"
    counts = {name: int((labels.gender == gender).sum()) for gender, name in enumerate(GENDERS)}
    known = ", ".join(f"{count:,} {name}" for name, count in counts.items())
    yield "gender known", known if any(counts.values()) else "for none"
    for column, values in labels.columns.items():
        found = pd.Series(values[values != ""]).value_counts()
        yield column, ", ".join(f"{n:,} {value}" for value, n in found.items()) or "for none"
    for name, value in results.arguments.items():
        yield name.replace("_", " "), _in_words(value)


def _in_words(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_in_words(each)}" for name, each in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_in_words, value))
    return "not set" if value is None else str(value)


def _model(results: Results, place: int) -> _Column:
    evaluation = results.evaluations[place]
    color, sign, _ = series(place)
    return _Column(
        name=evaluation.model,
        cells={(row.slice, row.figure): _cell(row) for row in evaluation.figures.itertuples()},
        color=color,
        sign=sign,
        faces=len(evaluation.rows),
        baseline=evaluation.baseline,
        calibration=evaluation.calibration,
        left_out=evaluation.left_out,
        confusion=_confusion(evaluation.figures),
        worst=[_worst(results.labels, evaluation, rank) for rank in range(len(evaluation.worst))],
    )


def _cell(row: NamedTuple) -> _Cell:
    value, low, high = (_text(row.figure, number) for number in (row.value, row.low, row.high))
    return _Cell(value, f"{low} to {high}", int(row.n), row.n < FEW)


def _text(figure: str, number: float, sign: str = "") -> str:
    return BY_NAME[figure].text(number, sign).replace("%", "\N{NBSP}%")


def _comparisons(results: Results) -> list[_Column]:
    """Differences between models, one column per pair."""
    pairs = {
        f"{one.model} - {other.model}": (one.model, other.model)
        for one, other in permutations(results.evaluations, 2)
    }
    return [
        _Column(
            name=name,
            cells={
                (row.slice, row.figure): _difference(row, *pairs[name]) for row in rows.itertuples()
            },
        )
        for name, rows in results.comparisons.groupby("models", sort=False)
    ]


def _difference(row: NamedTuple, one: str, other: str) -> _Cell:
    """The metric of `one` minus that of `other`."""
    numbers = (row.difference, row.low, row.high)
    value, low, high = (_text(row.figure, number, "+") for number in numbers)
    gain = BY_NAME[row.figure].better * (row.low > 0 or -(row.high < 0))
    better = {1: one, -1: other}.get(gain, "")
    return _Cell(value, f"{low} to {high}", int(row.n), row.n < FEW, better)


def _confusion(figures: pd.DataFrame) -> dict[tuple[str, str], _Confusion]:
    """Cells by true and predicted gender; empty if no gender is known."""
    counts = figures[figures["slice"] == ALL].set_index("figure")["value"]
    cells = {}
    for true in GENDERS if "gender_accuracy" in counts else ():
        row = {predicted: int(counts[CONFUSION[true, predicted].name]) for predicted in GENDERS}
        for predicted, faces in row.items():
            share = faces / max(sum(row.values()), 1)
            cells[true, predicted] = _Confusion(faces, share, _text("gender_accuracy", share))
    return cells


def _worst(labels: Labels, evaluation: Evaluation, rank: int) -> dict[str, str]:
    """A face with a large age error: its picture, labels and estimates."""
    place = evaluation.worst[rank]
    row = evaluation.rows[place]
    error = evaluation.error[place]
    estimates = evaluation.estimates
    gender = labels.gender[row]
    return {
        "picture": data_url(shrink(evaluation.worst_faces[rank], _THUMBNAIL)),
        "name": labels.names[row],
        "age": age_text(labels.age_low[row], labels.age_high[row]),
        "gender": GENDERS[int(gender)] if np.isfinite(gender) else "gender unknown",
        "estimated_age": f"{estimates.age[place]:.0f}",
        "interval": age_text(estimates.age_low[place], estimates.age_high[place]),
        "estimated_gender": GENDERS[estimates.gender[place]],
        "probability": f"{100 * estimates.p_gender[place]:.0f}\N{NBSP}%",
        "error": f"{abs(error):.1f} years too {'old' if error > 0 else 'young'}",
    }
