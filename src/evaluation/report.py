"""HTML report of an evaluation, in one file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import jinja2
import numpy as np
import pandas as pd

from ..faces.images import data_url, shrink
from ..files import replacing
from ..labels import GENDERS, age_text
from .metrics import BASELINE, BY_NAME, METRICS
from .plots import draw_plots, series
from .results import Evaluation, Labels, Results
from .slices import ALL, CROSS, FEW
from .tables import BY_SLICE, Figure, figures_of, sections

_TEMPLATE = "report.html"
_THUMBNAIL = 128  # pixels, maximum side
_MAX_LEFT_OUT = 100


@dataclass(frozen=True)
class _Column:
    """A model, or the difference between two.

    figures: by slice and metric.  sign: "+" for a difference.
    better: "", or for a difference the better model if it is above 0 and if it is below 0.
    evaluation, worst, color, mark: of a model.
    """

    name: str
    figures: dict[str, dict[str, Figure]]
    sign: str = ""
    better: tuple[str, str, str] = ("", "", "")
    evaluation: Evaluation | None = None
    worst: tuple[dict[str, str], ...] = ()
    color: str = ""
    mark: str = ""

    def better_model(self, figure: Figure) -> str:
        """The better model of a difference whose interval excludes 0."""
        above_0 = int(figure.low > 0) - int(figure.high < 0)
        return self.better[BY_NAME[figure.figure].better * above_0]

    def faces_of(self, name: str) -> int:
        """Number of faces of a slice: the maximum over the metrics in the tables by slice."""
        found = self.figures.get(name, {})
        return max((found[each.name].n for each in BY_SLICE if each.name in found), default=0)

    def among(self, names: list[str]) -> list[str]:
        """The slices of `names` that have a metric in the tables by slice."""
        return [name for name in names if self.faces_of(name)]


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


def _families(
    results: Results, models: list[_Column], comparisons: list[_Column]
) -> list[tuple[str, bool, list[tuple[_Column, list[str]]]]]:
    """Title, whether the slices are crossed, and columns with their slices."""
    families = []
    for title, rows in sections(results.evaluations).items():
        tables = [(m, [name for name, model in rows if model == m.name]) for m in models]
        names = list(dict.fromkeys(name for name, _ in rows))
        tables += [(comparison, comparison.among(names)) for comparison in comparisons]
        families.append((title, CROSS in names[0], [table for table in tables if table[1]]))
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
    color, mark, _ = series(place)
    return _Column(
        evaluation.model,
        figures_of(evaluation.figures),
        evaluation=evaluation,
        worst=tuple(
            _worst(results.labels, evaluation, rank) for rank in range(len(evaluation.worst))
        ),
        color=color,
        mark=mark,
    )


def _comparisons(results: Results) -> list[_Column]:
    """Differences between models, one column per pair."""
    first, *others = (evaluation.model for evaluation in results.evaluations)
    columns = []
    for other in others:
        name = f"{other} - {first}"
        table = results.comparisons[results.comparisons["models"] == name]
        figures = figures_of(table.rename(columns={"difference": "value"}))
        columns.append(_Column(name, figures, sign="+", better=("", other, first)))
    return [column for column in columns if column.figures]


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
