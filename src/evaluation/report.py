"""HTML report of an evaluation, in one file."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import jinja2
import pandas as pd

from ..faces.images import data_url, shrink
from ..files import replacing
from ..labels import GENDERS, age_text
from .metrics import BY_NAME, MEANINGS
from .plots import draw_plots, series
from .results import LABELS, Evaluation, Results, gender_names
from .tables import ALL_FACES, legend, skipped, tables

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
    shown = {BY_NAME[name].title: text for name, text in MEANINGS.items()}
    frames = tables(results)
    write_page(
        path,
        "report.html",
        about=list(_about(results)),
        notes=results.notes,
        evaluations=evaluations,
        keys={model: series(index)[:2] for index, model in enumerate(results.models)},
        tables={title: _html(frame) for title, frame in frames.items()},
        meanings={title: shown[title] for title in frames[ALL_FACES].index if title in shown},
        legend=legend(),
        plots=draw_plots(results),
        confusions={
            e.model: _html(_confusion(e)) for e in evaluations if e.labels["gender"].notna().any()
        },
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


def _confusion(evaluation: Evaluation) -> pd.DataFrame:
    """Numbers of faces by true and predicted gender, and their shares of the row."""
    known = evaluation.labels["gender"].notna().to_numpy()
    pairs = (evaluation.labels["gender"], evaluation.estimates.gender)
    true, predicted = (pd.Categorical(gender_names(each)[known], GENDERS) for each in pairs)
    counts = pd.crosstab(true, predicted, dropna=False)
    shares = counts.div(counts.sum(axis=1), axis=0).fillna(0)
    frame = counts.map("{:,}".format) + shares.map(" ({:.1%})".format)
    return frame.add_prefix("predicted ").rename_axis(None).rename_axis(None, axis=1)


def _worst(evaluation: Evaluation) -> Iterator[tuple[str, str, list[str]]]:
    """Image, name, and error, label and estimate in words of the faces with the largest age
    errors."""
    labels = evaluation.labels.iloc[evaluation.worst]
    estimates = evaluation.estimates.of_faces(evaluation.worst)
    true, estimated = gender_names(labels["gender"]), gender_names(estimates.gender)
    errors = evaluation.error[evaluation.worst]
    for i, label in enumerate(labels.itertuples()):
        interval = age_text(estimates.age_low[i], estimates.age_high[i])
        age = age_text(label.age_low, label.age_high)
        yield (
            data_url(shrink(evaluation.worst_faces[i], _THUMBNAIL)),
            label.path,
            [
                f"{abs(errors[i]):.1f} years too {'old' if errors[i] > 0 else 'young'}",
                f"labelled {age}, {true[i] or 'gender unknown'}",
                f"estimated {estimates.age[i]:.0f} ({interval}), "
                f"{estimates.p_gender[i]:.0%} {estimated[i]}",
            ],
        )
