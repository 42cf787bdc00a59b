"""Metric tables of a model card, between two marks of a Markdown file."""

from pathlib import Path

from tabulate import tabulate

from ..errors import UserError
from ..files import replacing
from .results import Results
from .slices import ALL, CROSS, FEW
from .tables import BY_SLICE, figures_of, sections, text

_CROSSED = "By age and gender"  # the only crossing in a card
Row = tuple[str, str]  # slice and model


def marks(section: str) -> tuple[str, str]:
    """The lines around the tables of a section."""
    return f"<!-- {section}: begin -->", f"<!-- {section}: end -->"


def check_card(path: Path, section: str = "figures") -> None:
    """Raise `UserError` if `write_card` cannot write to `path`, before any work is done."""
    _around(path, *marks(section))


def write_card(path: Path, results: Results, command: str, section: str = "figures") -> None:
    """Replace the text between the marks of a section in `path` by tables of all models.

    command: the command of the evaluation, for reference.
    """
    begin, end = marks(section)
    before, after = _around(path, begin, end)
    code = f"Written by\n\n```bash\n{command}\n```"
    tables = "\n\n".join([begin, *_sections(results), _legend(results), code, end])
    with replacing(path) as partial:
        partial.write_text(before + tables + after, encoding="utf-8")


def _around(path: Path, begin: str, end: str) -> tuple[str, str]:
    """The text before and after the marks."""
    try:
        content = path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise UserError(
            f"--card: expected a Markdown file, {path} cannot be read: {error}"
        ) from error
    before, _, rest = content.partition(begin)
    _, found, after = rest.partition(end)
    if not found or content.count(begin) + content.count(end) > 2:
        raise UserError(
            f"--card: expected {begin} and below it {end} in {path}, once each; add both lines"
        )
    return before, after


def _sections(results: Results) -> list[str]:
    """Headings and tables; the only crossed subgroups are age and gender."""
    rows = {"All faces": [(ALL, evaluation.model) for evaluation in results.evaluations]}
    rows |= sections(results.evaluations)
    return [
        part
        for title, own in rows.items()
        if CROSS not in own[0][0] or title == _CROSSED
        for part in (f"### {title}", _table(results, own))
    ]


def _table(results: Results, rows: list[Row]) -> str:
    """A table of slices and models, with the metrics that any of its rows has."""
    found = {e.model: figures_of(e.figures) for e in results.evaluations}
    figures = [found[model][name] for name, model in rows]
    shown = [metric for metric in BY_SLICE if any(metric.name in each for each in figures)]
    table = []
    for (name, model), values in zip(rows, figures, strict=True):
        faces = max(row.n for row in values.values())
        cells = [name, model, f"{faces:,}"]
        for row in (values.get(metric.name) for metric in shown):
            of = f" of {row.n:,}" if row and row.n != faces else ""
            cells.append(text(row) + of)
        table.append([cell.replace("|", r"\|") for cell in cells])
    headers = ["", "model", "faces", *(metric.column for metric in shown)]
    if len(found) == 1:
        headers, table = (
            [headers[0], *headers[2:]],
            [[cells[0], *cells[2:]] for cells in table],
        )
    return tabulate(table, headers, tablefmt="github", disable_numparse=True)


def _legend(results: Results) -> str:
    resamples = results.arguments.get("resamples", 1000)
    notes = [f"{e.model}: {e.calibration}." for e in results.evaluations if e.calibration]
    notes += [
        f"{e.model}: {len(e.left_out):,} of {len(results.labels):,} pictures left out: missing, "
        "undecodable or without a face."
        for e in results.evaluations
        if e.left_out
    ]
    legend = (
        "MAE: mean absolute error in years, for age ranges the distance to the range. In interval: "
        "the share of ages within the 80 % interval. "
        f"\\[...\\]: 95 % bootstrap interval, {resamples:,} resamples. \\*: fewer than {FEW} faces."
    )
    return "\n\n".join([legend, *notes])
