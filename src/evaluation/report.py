"""HTML report of an evaluation, in one file."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import jinja2
import pandas as pd

from ..faces.images import data_url, shrink
from ..files import replacing
from ..labels import age_text
from .plots import draw_plots, series
from .results import LABELS, Evaluation, Results, gender_names
from .tables import legend, skipped, tables

_THUMBNAIL = 128  # pixels, maximum side


def write_page(path: Path, template: str, **values: object) -> None:
    """Write a template next to this file, filled with `values`, to `path` atomically."""
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = templates.get_template(template).render(values)
    with replacing(path) as partial:
        partial.write_text(page, encoding="utf-8", errors="backslashreplace")


def write_report(path: Path, results: Results) -> None:
    """Write the results to `path` as a self-contained HTML page without scripts."""
    evaluations = results.evaluations
    write_page(
        path,
        "report.html",
        about=list(_about(results)),
        notes=results.notes,
        evaluations=evaluations,
        keys={model: series(index)[:2] for index, model in enumerate(results.models)},
        tables={title: _html(frame) for title, frame in tables(results).items()},
        legend=legend(),
        plots=draw_plots(results),
        worst={e.model: list(_worst(e)) for e in evaluations},
        skipped=list(dict.fromkeys(filter(None, map(skipped, evaluations)))),
    )


def _html(frame: pd.DataFrame) -> str:
    """A frame of texts as an HTML table, with small intervals."""
    table = frame.to_html(border=0, justify="unset")
    return re.sub(r" (\[\S+, \S+\])", r" <small>\1</small>", table)


def _about(results: Results) -> Iterator[tuple[str, str]]:
    """Terms and descriptions of the evaluated faces and the run."""
    labels = results.labels
    yield "faces", f"{len(labels):,}"
    known = labels[labels["age_low"].notna()]
    ranges = int((known["age_low"] < known["age_high"]).sum())
    span = f", {known['age_low'].min():g} to {known['age_high'].max():g} years"
    yield "age known", (f"{len(known):,}{span}; {ranges:,} as ranges" if len(known) else "for none")
    persons = labels["person"].replace("", None)
    if persons.notna().any():
        yield "persons", f"{persons.nunique():,}"
    columns = labels.drop(columns=list(LABELS)).assign(gender=gender_names(labels["gender"]))
    for name, values in columns.items():
        counts = values[values != ""].value_counts()
        yield name, ", ".join(f"{n:,} {value}" for value, n in counts.items()) or "for none"
    for name, value in results.arguments.items():
        text = json.dumps(value, default=str, ensure_ascii=False).replace('"', "")
        yield name.replace("_", " "), "not set" if value in (None, ()) else text


def _worst(evaluation: Evaluation) -> Iterator[tuple[str, str, list[str]]]:
    """Image, name, and error, label and estimate in words of the faces with the largest errors."""
    labels, of = evaluation.labels.loc[evaluation.worst], evaluation.estimates
    errors, genders = evaluation.measures["distance"], gender_names(of.gender)
    for face, label in zip(evaluation.worst_faces, labels.itertuples(), strict=True):
        row, error = evaluation.labels.index.get_loc(label.Index), errors[label.Index]
        yield (
            data_url(shrink(face, _THUMBNAIL)),
            label.path,
            [
                f"{abs(error):.1f} years too {'old' if error > 0 else 'young'}",
                f"labelled {age_text(label.age_low, label.age_high)}, "
                f"{gender_names(label.gender) or 'gender unknown'}",
                f"estimated {of.age[row]:.0f} ({age_text(of.age_low[row], of.age_high[row])}), "
                f"{of.p_gender[row]:.0%} {genders[row]}",
            ],
        )
