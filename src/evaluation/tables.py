"""Text tables of an evaluation."""

from collections import defaultdict
from typing import NamedTuple

import pandas as pd
from tabulate import tabulate

from ..labels import GENDERS
from ..models.seen import HELD_OUT, NEVER_SEEN, TRAINED_ON, UNKNOWN
from .metrics import BASELINE, BY_NAME, CONFUSION, METRICS
from .results import Evaluation, Results
from .slices import ALL, CROSS, FEW, by_kind

BY_SLICE = [metric for metric in METRICS if metric.column]
_WITH_INTERVAL = ("mae", "gender_accuracy")  # in tables by slice, which have little room
_MAX_LEFT_OUT = 20
USES = {  # of datasets in a model's training, with titles of their sections
    NEVER_SEEN: "Collections never seen",
    HELD_OUT: "Held-out faces of collections trained on",
    TRAINED_ON: "Collections trained on, training faces included",
    UNKNOWN: "Collections of unknown use in training",
}


class Figure(NamedTuple):
    """A row of `Evaluation.figures`, or a difference between two models."""

    figure: str
    value: float
    low: float
    high: float
    n: int

    @property
    def is_few(self) -> bool:
        return self.n < FEW

    def texts(self, sign: str = "") -> list[str]:
        """Value, lower and upper end of its interval; `sign` "+" marks differences."""
        numbers = (self.value, self.low, self.high)
        return [BY_NAME[self.figure].text(number, sign) for number in numbers]


def tables(results: Results) -> str:
    """Metrics of all models; slices and confusion matrix of each; and their comparisons."""
    parts = [_main(results)]
    for evaluation in results.evaluations:
        parts += [_slices(evaluation), _confusion(evaluation)]
    parts += dict.fromkeys(map(left_out, results.evaluations))  # usually the same for all models
    parts += [_comparisons(results), "\n".join(f"note: {note}" for note in results.notes)]
    legend = f"[...]: 95 % bootstrap interval    *: fewer than {FEW} faces"
    return "\n\n".join(part for part in [*parts, legend] if part)


def left_out(evaluation: Evaluation) -> str:
    """Number, names and reasons of pictures without a face; "" if there are none."""
    count = len(evaluation.left_out)
    if not count:
        return ""
    lines = [f"{name}: {reason}" for name, reason in evaluation.left_out[:_MAX_LEFT_OUT]]
    if count > len(lines):
        lines.append(f"and {count - len(lines):,} more")
    total = count + len(evaluation.rows)
    return "\n".join([f"{count:,} of {total:,} pictures left out:", *lines])


def uses(evaluation: Evaluation) -> list[tuple[str, list[str]]]:
    """Title and slices of each use of collections: all its faces, then its sources."""
    found = set(evaluation.figures["slice"])
    blocks = []
    for use, title in USES.items():
        sources = [f"source {name}" for name, its in evaluation.collections.items() if its == use]
        names = [name for name in (f"collections {use}", *sources) if name in found]
        if names:
            blocks.append((title, names))
    return blocks


def sections(evaluations: list[Evaluation]) -> dict[str, list[tuple[str, str]]]:
    """Slices and models by title: uses of collections, kinds of subgroups, and their crossings."""
    rows: dict[str, list[tuple[str, str]]] = {}
    blocks = {evaluation.model: dict(uses(evaluation)) for evaluation in evaluations}
    for title in USES.values():
        own = [(name, model) for model, its in blocks.items() for name in its.get(title, ())]
        if own:  # all collections first, models in their order
            rows[title] = sorted(own, key=lambda row: row[0])
    used = {name for own in rows.values() for name, _ in own}
    found = {evaluation.model: set(evaluation.figures["slice"]) for evaluation in evaluations}
    names = (name for evaluation in evaluations for name in evaluation.figures["slice"])
    for kind, own in by_kind(name for name in names if name not in used).items():
        title = "Children" if kind == "children" else f"By {kind.replace(CROSS, ' and ')}"
        rows[title] = [(name, model) for name in own for model in found if name in found[model]]
    return rows


def _main(results: Results) -> str:
    """All metrics of all faces, one row each, next to the models' baselines."""
    columns, counts = {}, []
    for evaluation in results.evaluations:
        columns[evaluation.model] = figures_of(evaluation.figures)[ALL]
        counts.append({name: row.n for name, row in columns[evaluation.model].items()})
    for evaluation in results.evaluations:
        header = f"baseline: {evaluation.baseline}".replace(" (", "\n(")
        columns[header] = {
            name.removeprefix(BASELINE): row
            for name, row in columns[evaluation.model].items()
            if name.startswith(BASELINE)
        }
    rows = []
    for metric in METRICS:
        if any(metric.name in figures for figures in columns.values()):
            faces = " / ".join(dict.fromkeys(f"{n[metric.name]:,}" for n in counts))
            cells = (text(figures.get(metric.name)) for figures in columns.values())
            rows.append([metric.title, *cells, faces])
    return _tabulate(rows, ["all faces", *columns, "faces"])


def _slices(evaluation: Evaluation) -> str:
    """Tables by use of collections, then by age band, gender, group and the like."""
    table = evaluation.figures
    blocks = uses(evaluation)
    used = {name for _, names in blocks for name in names}
    parts = [_by_slice(table[table["slice"].isin(names)], title) for title, names in blocks]
    is_other = ~table["slice"].isin(used) & ~table["slice"].str.contains(CROSS, regex=False)
    return "\n\n".join([*parts, _by_slice(table[is_other], evaluation.model)])


def _confusion(evaluation: Evaluation) -> str:
    figures = figures_of(evaluation.figures)[ALL]
    if CONFUSION[GENDERS[0], GENDERS[0]].name not in figures:
        return ""
    rows = [
        [true, *(text(figures[CONFUSION[true, each].name], interval=False) for each in GENDERS)]
        for true in GENDERS
    ]
    return _tabulate(rows, [evaluation.model, *(f"predicted {name}" for name in GENDERS)])


def _comparisons(results: Results) -> str:
    """Differences between models, for all faces and by age band, one table per pair."""
    table = results.comparisons.rename(columns={"difference": "value"})
    pairs = table.groupby("models", sort=False)
    return "\n\n".join(_by_slice(of_pair, models, "+") for models, of_pair in pairs)


def _by_slice(table: pd.DataFrame, title: str, sign: str = "") -> str:
    """One row per slice, in the order of `table`."""
    shown = [m for m in BY_SLICE if (table["figure"] == m.name).any()]
    if sign:
        shown = [metric for metric in shown if metric.name in _WITH_INTERVAL]
    rows = [
        [
            name,
            f"{max(row.n for row in figures.values()):,}",
            *(text(figures.get(m.name), sign, m.name in _WITH_INTERVAL) for m in shown),
        ]
        for name, figures in figures_of(table).items()
    ]
    return _tabulate(rows, [title, "faces", *(metric.column for metric in shown)])


def figures_of(table: pd.DataFrame) -> dict[str, dict[str, Figure]]:
    """Rows of `Evaluation.figures` by slice and metric."""
    found = defaultdict(dict)
    for slice_name, *row in table[["slice", *Figure._fields]].itertuples(index=False):
        figure = Figure(*row)
        found[slice_name][figure.figure] = figure
    return found


def text(row: Figure | None, sign: str = "", interval: bool = True) -> str:
    """A value as "4.31 [4.20, 4.43]"; "" if absent.  `sign` "+" marks differences."""
    if row is None:
        return ""
    value, low, high = row.texts(sign)
    value += "*" if row.is_few else ""
    return f"{value} [{low}, {high}]" if interval else value


def _tabulate(rows: list[list[str]], headers: list[str]) -> str:
    return tabulate(rows, headers, disable_numparse=True, stralign="right", colalign=("left",))
