"""HTML report of an evaluation, in one file."""

import re
from pathlib import Path

import jinja2
import pandas as pd

from ..files import replacing
from .plots import SERIES, draw_plots
from .results import Results
from .tables import legend, skipped, tables


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
    write_page(
        path,
        "report.html",
        arguments={name: str(value) for name, value in results.arguments.items()},
        notes=results.notes,
        faces=len(results.labels),
        evaluations=results.evaluations,
        series=SERIES,
        tables={title: _html(frame) for title, frame in tables(results).items()},
        legend=legend(),
        plots=draw_plots(results),
        skipped=list(dict.fromkeys(filter(None, map(skipped, results.evaluations)))),
    )


def _html(frame: pd.DataFrame) -> str:
    """A frame of texts as an HTML table, with small intervals."""
    table = frame.to_html(border=0, justify="unset")
    return re.sub(r" (\[\S+, \S+\])", r" <small>\1</small>", table)
