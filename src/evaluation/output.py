"""Outputs of an evaluation: results.json, results.csv, report.html; a model card."""

import json
import re
from itertools import count
from pathlib import Path

import jinja2
import pandas as pd

from ..errors import UserError
from ..files import replacing
from ..outputs import Output, has_mark
from .plots import SERIES, draw_plots
from .results import Results
from .tables import legend, markdown, skipped, tables

JSON, CSV, REPORT = FILES = ("results.json", "results.csv", "report.html")
_is_results = has_mark(b'{\n "arguments"')


def free_folder(folder: Path, force: bool) -> Path:
    """The folder of an evaluation: `folder`, or if it holds one, the first free one of
    `folder-2`, `folder-3` and so on, unless `force`."""
    if force or not folder.exists() or not _is_evaluation(folder):
        return folder
    numbered = (folder.with_name(f"{folder.name}-{number}") for number in count(2))
    return next(path for path in numbered if not path.exists())


def folder_output(folder: Path) -> Output:
    """The folder as an output that replaces evaluations only."""
    return Output("--output", folder, "an evaluation's folder", _is_evaluation, folder=True)


def _is_evaluation(folder: Path) -> bool:
    """Whether a folder contains only the files of an evaluation."""
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    return not names or (JSON in names and names <= set(FILES) and _is_results(folder / JSON))


def write_results(folder: Path, results: Results) -> None:
    """Write the evaluation to `folder` atomically; an existing one is replaced."""
    table = results.table.astype(object)
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
                "calibration": evaluation.calibration,
            }
            for evaluation in results.evaluations
        ],
        "metrics": table.where(table.notna(), None).to_dict("records"),
    }
    with replacing(folder.resolve()) as partial:  # "." has no name
        partial.mkdir()
        text = json.dumps(values, indent=1, default=str, allow_nan=False)
        (partial / JSON).write_text(text + "\n", encoding="utf-8")
        results.table.to_csv(partial / CSV, index=False, errors="backslashreplace")
        write_report(partial / REPORT, results)


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


def write_card(path: Path, results: Results, command: str, section: str = "figures") -> None:
    """Replace the text between the marks of a section in `path` by tables of all models.

    command: the command of the evaluation, for reference.
    """
    before, begin, _, end, after = split_card(path, section)
    notes = [f"{e.model}: {e.calibration}." for e in results.evaluations if e.calibration]
    notes += [
        f"{e.model}: {len(e.skipped):,} of {len(results.labels):,} images skipped: missing, "
        "undecodable or without a face."
        for e in results.evaluations
        if e.skipped
    ]
    explained = legend().replace("[...]", r"\[...\]").replace("*:", r"\*:")
    code = f"Written by\n\n```bash\n{command}\n```"
    tables = "\n\n".join([begin, markdown(results), explained, *notes, code, end])
    with replacing(path) as partial:
        partial.write_text(before + tables + after, encoding="utf-8")


def split_card(path: Path, section: str = "figures") -> tuple[str, str, str, str, str]:
    """The text before a section of a model card, its first line, the tables, its last line, and the
    text after it. Raises `UserError` unless both lines are in `path`, once each."""
    try:
        content = path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise UserError(
            f"--card: expected a Markdown file, {path} cannot be read: {error}"
        ) from error
    begin, end = f"<!-- {section}: begin -->", f"<!-- {section}: end -->"
    before, _, rest = content.partition(begin)
    tables, found, after = rest.partition(end)
    if not found or content.count(begin) + content.count(end) > 2:
        raise UserError(
            f"--card: expected {begin} and below it {end} in {path}, once each; add both lines"
        )
    return before, begin, tables, end, after
