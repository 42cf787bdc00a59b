"""The folder of an evaluation: results.json, results.csv, results.md and report.html."""

import json
import re
from itertools import count
from pathlib import Path

import jinja2
import pandas as pd

from ..errors import UserError
from ..files import replacing
from .plots import SERIES, draw_plots
from .results import Results
from .tables import LEGEND, markdown, tables


def free_folder(folder: Path) -> Path:
    """`folder` if it is new or empty, else the first new one of `folder-2`, `folder-3`, ..."""
    if folder.is_file():
        raise UserError(f"--output: expected a folder, {folder} is a file; name another")
    folder = folder if folder.name else folder.resolve()  # "." has no name
    if not folder.exists() or not any(folder.iterdir()):
        return folder
    numbered = (Path(f"{folder}-{number}") for number in count(2))
    return next(path for path in numbered if not path.exists())


def write_results(folder: Path, results: Results) -> None:
    """Write the evaluation to a new `folder`, whole or not at all."""
    values = {
        "arguments": results.arguments,
        "notes": results.notes,
        "faces": len(results.labels),
        "models": [
            {
                "model": evaluation.model,
                "faces": len(evaluation.labels),
                "skipped": dict(evaluation.skipped),
                "baseline": evaluation.baseline,
                "uses": evaluation.uses,
            }
            for evaluation in results.evaluations
        ],
    }
    with replacing(folder) as partial:
        partial.mkdir()
        text = json.dumps(values, indent=1, default=str, allow_nan=False)
        (partial / "results.json").write_text(text + "\n", encoding="utf-8")
        results.table.to_csv(partial / "results.csv", index=False, errors="backslashreplace")
        text = markdown(results) + "\n"
        (partial / "results.md").write_text(text, encoding="utf-8", errors="backslashreplace")
        write_report(partial / "report.html", results)


def write_page(path: Path, template: str, **values: object) -> None:
    """Write a template next to this file, filled with `values`, to `path` atomically."""
    loader, undefined = jinja2.FileSystemLoader(Path(__file__).parent), jinja2.StrictUndefined
    templates = jinja2.Environment(loader=loader, autoescape=True, undefined=undefined)
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
        legend=LEGEND,
        plots=draw_plots(results),
    )


def _html(frame: pd.DataFrame) -> str:
    """A frame of texts as an HTML table, with small intervals."""
    table = frame.to_html(border=0, justify="unset")
    return re.sub(r" (\[\S+, \S+\])", r" <small>\1</small>", table)
