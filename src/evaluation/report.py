"""HTML report of an evaluation, in one file."""

from collections.abc import Iterator
from pathlib import Path

import jinja2
import numpy as np
import pandas as pd

from ..faces.images import data_url, shrink
from ..files import replacing
from ..labels import GENDERS, age_text
from .metrics import BY_NAME, MEANINGS
from .plots import draw_plots, series
from .results import Evaluation, Results
from .subgroups import CROSS, FEW
from .tables import sections

_THUMBNAIL = 128  # pixels, maximum side
_MAX_SKIPPED = 100
_HEADLINES = {
    "mae": "mean absolute error of exact ages, in years",
    "range_error": "mean distance to age ranges, in years",
    "gender_accuracy": "gender accuracy",
}


def environment() -> jinja2.Environment:
    """Templates next to this file."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def write_report(path: Path, results: Results) -> None:
    """Write the results to `path` as a self-contained HTML page without scripts."""
    found = sections(results)
    page = (
        environment()
        .get_template("report.html")
        .render(
            about=list(_about(results)),
            notes=results.notes,
            faces=len(results.labels),
            evaluations=results.evaluations,
            headlines=_HEADLINES,
            keys={model: series(index)[:2] for index, model in enumerate(results.models)},
            all_faces=found[0].frame,
            confusions={e.model: _confusion(e) for e in results.evaluations},
            sections=found,
            plots=draw_plots(results),
            worst={
                e.model: [_worst(e, rank) for rank in range(len(e.worst))]
                for e in results.evaluations
            },
            max_skipped=_MAX_SKIPPED,
            metrics=BY_NAME,
            meanings=MEANINGS,
            genders=GENDERS,
            cross=CROSS,
            differences=results.differences,
            few=FEW,
        )
    )
    with replacing(path) as partial:
        partial.write_text(page, encoding="utf-8", errors="backslashreplace")


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
    if labels.person is not None:
        yield "persons", f"{len(set(labels.person) - {''}):,}"
    for column, values in labels.columns.items():
        found = pd.Series(values[values != ""]).value_counts()
        yield column, ", ".join(f"{n:,} {value}" for value, n in found.items()) or "for none"
    for name, value in results.arguments.items():
        yield name.replace("_", " "), _in_words(value)


def _in_words(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_in_words(each)}" for name, each in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_in_words, value)) or "not set"
    return "not set" if value is None else str(value)


def _confusion(evaluation: Evaluation) -> list[list[int]]:
    """Numbers of faces by true gender and predicted gender; empty if no gender is known."""
    counts = []
    for gender in range(len(GENDERS)):
        correct = evaluation.measures[f"correct_{gender}"]
        right, wrong = (int((correct == hit).sum()) for hit in (1, 0))
        counts.append([right, wrong] if gender == 0 else [wrong, right])
    return counts if np.sum(counts) else []


def _worst(evaluation: Evaluation, rank: int) -> dict[str, str]:
    """A face with a large age error: its image, labels and estimates."""
    position, labels = evaluation.worst[rank], evaluation.labels
    error, estimates, gender = (
        evaluation.error[position],
        evaluation.estimates,
        labels.gender[position],
    )
    return {
        "image": data_url(shrink(evaluation.worst_faces[rank], _THUMBNAIL)),
        "name": labels.names[position],
        "age": age_text(labels.age_low[position], labels.age_high[position]),
        "gender": GENDERS[int(gender)] if np.isfinite(gender) else "gender unknown",
        "estimated_age": f"{estimates.age[position]:.0f}",
        "interval": age_text(estimates.age_low[position], estimates.age_high[position]),
        "estimated_gender": GENDERS[estimates.gender[position]],
        "probability": f"{100 * estimates.p_gender[position]:.0f}\N{NBSP}%",
        "error": f"{abs(error):.1f} years too {'old' if error > 0 else 'young'}",
    }
