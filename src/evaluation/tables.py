"""An evaluation as tables of text, for a terminal."""

from collections import defaultdict
from typing import NamedTuple

import pandas as pd
from tabulate import tabulate

from src.evaluation.figures import BASELINE
from src.evaluation.results import Evaluation, Results
from src.evaluation.slices import ALL, CROSS, FEW
from src.labels import GENDERS

# Name in a table, and format.
TITLES = {
    "mae": ("mean absolute error, years", ".2f"),
    "median_error": ("median absolute error, years", ".2f"),
    "bias": ("bias, years", "+.2f"),
    "rmse": ("root mean square error, years", ".2f"),
    "cs1": ("within 1 year", ".1%"),
    "cs3": ("within 3 years", ".1%"),
    "cs5": ("within 5 years", ".1%"),
    "cs10": ("within 10 years", ".1%"),
    "top1": ("age is the likeliest", ".1%"),
    "top5": ("age among the 5 likeliest", ".1%"),
    "coverage": ("age in the 80 % interval", ".1%"),
    "interval_width": ("width of that interval, years", ".1f"),
    "epsilon_error": ("epsilon error", ".4f"),
    "gender_accuracy": ("gender accuracy", ".1%"),
    "balanced_accuracy": ("balanced gender accuracy", ".1%"),
    "ece": ("gender calibration error", ".3f"),
}
# Columns of the tables by slice. There is room for the intervals of a few, and only those tell
# whether two models differ.
IN_SLICES = {
    "mae": "MAE",
    "bias": "bias",
    "cs5": "within 5",
    "coverage": "in interval",
    "gender_accuracy": "gender accuracy",
}
_WITH_INTERVAL = ("mae", "gender_accuracy")
_LEFT_OUT_SHOWN = 20


class _Figure(NamedTuple):
    """A row of `Evaluation.figures`."""

    figure: str
    value: float
    low: float
    high: float
    n: int


def tables(results: Results) -> str:
    """Main figures of all models; slices and confusion of each; and how the models differ."""
    parts = [_main(results)]
    for evaluation in results.evaluations:
        parts += [_slices(evaluation), _confusion(evaluation)]
    parts += dict.fromkeys(map(left_out, results.evaluations))  # most often the same for all
    parts += [_comparisons(results), "\n".join(f"note: {note}" for note in results.notes)]
    legend = f"[...]: 95 % bootstrap interval    *: fewer than {FEW} faces"
    return "\n\n".join(part for part in [*parts, legend] if part)


def left_out(evaluation: Evaluation) -> str:
    """How many pictures had no face to show, which and why; "" where all had."""
    count = len(evaluation.left_out)
    if not count:
        return ""
    lines = [f"{name}: {reason}" for name, reason in evaluation.left_out[:_LEFT_OUT_SHOWN]]
    if count > len(lines):
        lines.append(f"and {count - len(lines):,} more")
    total = count + len(evaluation.rows)
    return "\n".join([f"{count:,} of {total:,} pictures left out:", *lines])


def _main(results: Results) -> str:
    """Figures of all faces, a row each, beside the models' baselines."""
    columns, counts = {}, []
    for evaluation in results.evaluations:
        columns[evaluation.model] = figures_of(evaluation.figures)[ALL]
        counts.append({name: row.n for name, row in columns[evaluation.model].items()})
    for evaluation in results.evaluations:
        said = f"baseline: {evaluation.baseline}".replace(" (", "\n(")
        columns[said] = {
            name.removeprefix(BASELINE): row
            for name, row in columns[evaluation.model].items()
            if name.startswith(BASELINE)
        }
    rows = []
    for name, (title, _) in TITLES.items():
        if any(name in figures for figures in columns.values()):
            faces = " / ".join(dict.fromkeys(f"{n[name]:,}" for n in counts))
            rows.append([title, *(text(figures.get(name)) for figures in columns.values()), faces])
    return _tabulate(rows, ["all faces", *columns, "faces"])


def _slices(evaluation: Evaluation) -> str:
    """Main figures by age band, gender, group and the like, a slice a row; without crossings."""
    table = evaluation.figures
    table = table[~table["slice"].str.contains(CROSS, regex=False)]
    return _by_slice(table, evaluation.model)


def _confusion(evaluation: Evaluation) -> str:
    figures = figures_of(evaluation.figures)[ALL]
    if f"{GENDERS[0]}_told_{GENDERS[0]}" not in figures:
        return ""
    rows = [
        [g, *(f"{figures[f'{g}_told_{told}'].value:,.0f}" for told in GENDERS)] for g in GENDERS
    ]
    return _tabulate(rows, [evaluation.model, *(f"told {told}" for told in GENDERS)])


def _comparisons(results: Results) -> str:
    """Where the models differ, on all faces and by age band, a table a pair."""
    table = results.comparisons.rename(columns={"difference": "value"})
    pairs = table.groupby("models", sort=False)
    return "\n\n".join(_by_slice(of_pair, models, "+") for models, of_pair in pairs)


def _by_slice(table: pd.DataFrame, title: str, sign: str = "") -> str:
    """A row a slice, in the order of `table`; figures with their intervals as there is room."""
    shown = _WITH_INTERVAL if sign else IN_SLICES
    names = [name for name in shown if (table["figure"] == name).any()]
    rows = [
        [
            slice_name,
            f"{max(row.n for row in figures.values()):,}",
            *(text(figures.get(name), sign, name in _WITH_INTERVAL) for name in names),
        ]
        for slice_name, figures in figures_of(table).items()
    ]
    return _tabulate(rows, [title, "faces", *(IN_SLICES[name] for name in names)])


def figures_of(table: pd.DataFrame) -> dict[str, dict[str, _Figure]]:
    """The rows of `Evaluation.figures` by slice and figure."""
    found = defaultdict(dict)
    for slice_name, *row in table[["slice", *_Figure._fields]].itertuples(index=False):
        figure = _Figure(*row)
        found[slice_name][figure.figure] = figure
    return found


def text(row: _Figure | None, sign: str = "", interval: bool = True) -> str:
    """A figure as "4.31 [4.20, 4.43]"; "" where there is none.  `sign` "+" marks differences."""
    if row is None:
        return ""
    form = TITLES[row.figure.removeprefix(BASELINE)][1]
    form = form if form.startswith("+") else sign + form
    value = f"{row.value:{form}}{'*' if row.n < FEW else ''}"
    return f"{value} [{row.low:{form}}, {row.high:{form}}]" if interval else value


def _tabulate(rows: list[list[str]], headers: list[str]) -> str:
    return tabulate(rows, headers, disable_numparse=True, stralign="right", colalign=("left",))
