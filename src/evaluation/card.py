"""A model card's tables: an evaluation's figures, between two marks in a Markdown file."""

from pathlib import Path

from tabulate import tabulate

from src.errors import UserError
from src.evaluation.results import Results
from src.evaluation.slices import ALL, CROSS, FEW, by_kind
from src.evaluation.tables import IN_SLICES, figures_of, text
from src.files import check_output_file, replacing

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
_HEADINGS = {"source": "Sets", "children": "Children"}  # of the others, "By age" and so on
_CROSSED = CROSS.join(["age", "gender"])  # of crossings, the one that is told
_FIGURES = {**IN_SLICES, "ece": "gender calibration error"}


def check_card(path: Path) -> None:
    """Raise `UserError` where `write_card` could not write to `path`, before any work is done."""
    _around(path)
    check_output_file(path)


def write_card(path: Path, results: Results, command: str) -> None:
    """Put tables of all models in the place of what is between the marks in `path`.

    command: what made the results, which is said below the tables.
    """
    before, after = _around(path)
    tables = "\n\n".join([BEGIN, *_sections(results), _legend(results), _code(command), END])
    with replacing(path) as partial:
        partial.write_text(before + tables + after, encoding="utf-8")


def _around(path: Path) -> tuple[str, str]:
    """What is before and after the marks."""
    try:
        content = path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise UserError(
            f"--card: expected a Markdown file, {path} cannot be read: {error}"
        ) from error
    before, _, rest = content.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end or content.count(BEGIN) + content.count(END) > 2:
        raise UserError(
            f"--card: expected {BEGIN} and below it {END} in {path}, once each; add them where the "
            "figures are to be"
        )
    return before, after


def _sections(results: Results) -> list[str]:
    """Headings and tables, a pair a kind of slice; the sets first."""
    kinds = by_kind([name for e in results.evaluations for name in e.figures["slice"].unique()])
    kinds = {"source": [ALL, *kinds.pop("source", [])], **kinds}
    sections = []
    for kind, names in kinds.items():
        if CROSS not in kind or kind == _CROSSED:
            # Of the faces of one gender, none is right as often as the probability says.
            figures = [f for f in _FIGURES if f != "ece" or "gender" not in kind]
            heading = f"### {_HEADINGS.get(kind, f'By {kind}')}"
            sections += [heading, _table(results, names, figures)]
    return sections


def _table(results: Results, names: list[str], figures: list[str]) -> str:
    """A row a slice and model; of the figures, those that some row has."""
    found = {e.model: figures_of(e.figures) for e in results.evaluations}
    keys = [(name, model) for name in names for model in found if name in found[model]]
    shown = [f for f in figures if any(f in found[model][name] for name, model in keys)]
    rows = []
    for name, model in keys:
        values = found[model][name]
        faces = max(row.n for row in values.values())
        rows.append([name, model, f"{faces:,}"])
        for row in map(values.get, shown):
            of = f" of {row.n:,}" if row and row.n != faces else ""
            rows[-1].append(text(row) + of)
    headers = ["", "model", "faces", *(_FIGURES[figure] for figure in shown)]
    if len(found) == 1:
        del headers[1]
        rows = [[name, *cells] for name, _, *cells in rows]
    rows = [[cell.replace("|", r"\|") for cell in row] for row in rows]
    return tabulate(rows, headers, tablefmt="github", disable_numparse=True)


def _legend(results: Results) -> str:
    resamples = results.arguments.get("resamples", 1000)
    return (
        "MAE: mean absolute error in years; where an age is a range, the distance to it. "
        "In interval: the share of ages in the interval that is to hold 80 % of them. "
        f"\\[...\\]: 95 % bootstrap interval, {resamples:,} resamples. \\*: fewer than {FEW} faces."
    )


def _code(command: str) -> str:
    return f"Written by\n\n```bash\n{command}\n```"
