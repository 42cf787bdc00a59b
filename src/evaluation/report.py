"""The report of an evaluation: one page that needs nothing beside it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import permutations
from pathlib import Path
from typing import NamedTuple

import jinja2
import numpy as np
import pandas as pd

from src.evaluation.figures import BASELINE
from src.evaluation.plots import draw_plots, series
from src.evaluation.results import Evaluation, Labels, Results
from src.evaluation.slices import ALL, CROSS, FEW, by_kind
from src.evaluation.tables import TITLES
from src.faces.images import data_url, shrink
from src.files import replacing
from src.labels import GENDERS

_TEMPLATE = "report.html"
_THUMBNAIL = 128  # pixels, at most
_LEFT_OUT_SHOWN = 100
_BY_SLICE = ("mae", "bias", "cs5", "coverage", "gender_accuracy")  # columns of the tables by slice
_WITHIN = "the share of faces whose estimated age is at most so far off"
_MEANINGS = {
    "mae": "how far the estimated age is from the true one on average; 0 within a true range",
    "median_error": "half of the faces are estimated closer than this",
    "bias": "above 0 people are said to be older than they are, below 0 younger",
    "rmse": "as the mean, but a few large errors weigh more than many small ones",
    "cs1": _WITHIN,
    "cs3": _WITHIN,
    "cs5": _WITHIN,
    "cs10": _WITHIN,
    "top1": "the share of faces whose true age is the one that the model finds likeliest",
    "top5": "the share of faces whose true age is among those that it finds likeliest",
    "coverage": "how often the true age lies within the interval; 80 % of the time is right",
    "interval_width": "the narrower, the more the interval says, as long as it holds the true age",
    "epsilon_error": "the error in terms of how far raters disagree on the face; 0 best, 1 worst",
    "gender_accuracy": "the share of faces whose gender is said right",
    "balanced_accuracy": "the same, were there as many women as men; 50 % is chance",
    "ece": "how far the said probability is from how often it is right, on average",
}
_BETTER = {  # 1 the higher, -1 the lower; of other figures neither
    **dict.fromkeys(("mae", "median_error", "rmse", "epsilon_error", "ece"), -1),
    **dict.fromkeys(("cs1", "cs3", "cs5", "cs10", "top1", "top5"), 1),
    **dict.fromkeys(("gender_accuracy", "balanced_accuracy"), 1),
}


class _Cell(NamedTuple):
    """A figure of a slice, or a difference between two models, as it is shown."""

    value: str
    interval: str
    n: int  # faces that it is of
    few: bool
    better: str = ""  # the model that a difference speaks for, where it leaves no doubt


class _Told(NamedTuple):
    """How many faces of a gender were told as one, and the share of that gender's, 0 to 1."""

    faces: int
    share: float
    percent: str


@dataclass(frozen=True)
class _Column:
    """What the page tells of a model, or of the difference between two: cells by slice, figure."""

    name: str
    cells: dict[tuple[str, str], _Cell]
    color: str = ""
    sign: str = ""
    faces: int = 0
    baseline: str = ""
    left_out: list[tuple[str, str]] = field(default_factory=list)
    told: dict[tuple[str, str], _Told] = field(default_factory=dict)
    worst: list[dict] = field(default_factory=list)

    def faces_of(self, name: str) -> int:
        """Faces of a slice, the most that any figure in the tables by slice is of."""
        found = (self.cells.get((name, figure)) for figure in _BY_SLICE)
        return max((cell.n for cell in found if cell), default=0)

    def among(self, names: list[str]) -> list[str]:
        """Those of `names` that are slices with a figure for the tables by slice."""
        return [name for name in names if self.faces_of(name)]


def write_report(path: Path, results: Results) -> None:
    """Write the results to `path` as an HTML page that needs no other file and no script."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template(_TEMPLATE).render(
        about=list(_about(results)),
        notes=results.notes,
        faces=len(results.labels),
        models=[_model(results, place) for place in range(len(results.evaluations))],
        comparisons=_comparisons(results),
        plots=draw_plots(results),
        families=by_kind(results.evaluations[0].figures["slice"]),
        titles={name: title for name, (title, _) in TITLES.items()},
        meanings=_MEANINGS,
        graded=_BETTER,
        by_slice=_BY_SLICE,
        left_out_shown=_LEFT_OUT_SHOWN,
        genders=GENDERS,
        all=ALL,
        cross=CROSS,
        baseline=BASELINE,
        few=FEW,
    )
    with replacing(path) as partial:
        partial.write_text(page, encoding="utf-8", errors="backslashreplace")


def _about(results: Results) -> Iterator[tuple[str, str]]:
    """What was evaluated, term by term."""
    labels = results.labels
    age = np.isfinite(labels.age_low)
    yield "faces", f"{len(labels):,}"
    if age.any():
        ranges = int((labels.age_low < labels.age_high).sum())
        span = f"{labels.age_low[age].min():g} to {labels.age_high[age].max():g} years"
        yield "age known", f"{age.sum():,}, {span}" + (f"; {ranges:,} as ranges" if ranges else "")
    else:
        yield "age known", "of none"
    counts = {name: int((labels.gender == gender).sum()) for gender, name in enumerate(GENDERS)}
    known = ", ".join(f"{count:,} {name}" for name, count in counts.items())
    yield "gender known", known if any(counts.values()) else "of none"
    for column, values in labels.columns.items():
        found = pd.Series(values[values != ""]).value_counts()
        yield column, ", ".join(f"{n:,} {value}" for value, n in found.items()) or "of none"
    for name, value in results.arguments.items():
        yield name.replace("_", " "), _in_words(value)


def _in_words(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_in_words(each)}" for name, each in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_in_words, value))
    return "not given" if value is None else str(value)


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
        left_out=evaluation.left_out,
        told=_confusion(evaluation.figures),
        worst=[_worst(results.labels, evaluation, rank) for rank in range(len(evaluation.worst))],
    )


def _cell(row: NamedTuple) -> _Cell:
    value, low, high = (_written(row.figure, number) for number in (row.value, row.low, row.high))
    return _Cell(value, f"{low} to {high}", int(row.n), row.n < FEW)


def _written(figure: str, number: float, sign: str = "") -> str:
    """A figure as tables write it; `sign` is "+" where a difference has to have one."""
    _, form = TITLES.get(figure.removeprefix(BASELINE), ("", ",.0f"))
    return format(number, sign + form.removeprefix("+" if sign else "")).replace("%", "\N{NBSP}%")


def _comparisons(results: Results) -> list[_Column]:
    """The models' differences, a column a pair."""
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
    """Of `one` less `other`: the better is known where the interval leaves out 0."""
    numbers = (row.difference, row.low, row.high)
    value, low, high = (_written(row.figure, number, "+") for number in numbers)
    gain = _BETTER.get(row.figure, 0) * (row.low > 0 or -(row.high < 0))
    better = {1: one, -1: other}.get(gain, "")
    return _Cell(value, f"{low} to {high}", int(row.n), row.n < FEW, better)


def _confusion(figures: pd.DataFrame) -> dict[tuple[str, str], _Told]:
    """By true and told gender; empty where no gender is known."""
    counts = figures[figures["slice"] == ALL].set_index("figure")["value"]
    cells = {}
    for true in GENDERS if "gender_accuracy" in counts else ():
        row = {told: int(counts[f"{true}_told_{told}"]) for told in GENDERS}
        for told, faces in row.items():
            share = faces / max(sum(row.values()), 1)
            cells[true, told] = _Told(faces, share, _written("gender_accuracy", share))
    return cells


def _worst(labels: Labels, evaluation: Evaluation, rank: int) -> dict[str, str]:
    """A face whose age was estimated badly: its picture, its labels, and what was said of it."""
    place = evaluation.worst[rank]
    row = evaluation.rows[place]
    error = evaluation.error[place]
    said = evaluation.estimates
    gender = labels.gender[row]
    return {
        "picture": data_url(shrink(evaluation.worst_faces[rank], _THUMBNAIL)),
        "name": labels.names[row],
        "age": _range(labels.age_low[row], labels.age_high[row]),
        "gender": GENDERS[int(gender)] if np.isfinite(gender) else "gender unknown",
        "said_age": f"{said.age[place]:.0f}",
        "interval": _range(said.age_low[place], said.age_high[place]),
        "said_gender": GENDERS[said.gender[place]],
        "probability": f"{100 * said.p_gender[place]:.0f}\N{NBSP}%",
        "error": f"{abs(error):.1f} years too {'old' if error > 0 else 'young'}",
    }


def _range(low: float, high: float) -> str:
    return f"{low:g}" if low == high else f"{low:g}-{high:g}"
