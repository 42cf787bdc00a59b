"""Pivots of the table of metrics, for console, Markdown and HTML."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from tabulate import tabulate

from ..models.seen import HELD_OUT, NEVER_SEEN, TRAINED_ON, UNKNOWN
from .metrics import BY_NAME, BY_SUBGROUP, METRICS
from .results import Evaluation, Results
from .subgroups import ALL, CROSS, FEW, SOURCE, USE, by_kind
from .table import better_models

_MAX_SKIPPED = 20
_USES = (NEVER_SEEN, HELD_OUT, TRAINED_ON, UNKNOWN)
_WITH_INTERVAL = ("MAE", "range error", "gender accuracy")  # on the console, which is narrow
_IN_CARD = f"age{CROSS}gender"  # the only crossing in model cards


@dataclass(frozen=True)
class Cell:
    """A value and both ends of its interval, as text that may be "", of `n` faces.

    of: "of n" if the other values of its row are of another number of faces.
    """

    value: str = ""
    low: str = ""
    high: str = ""
    n: int = FEW
    of: str = ""

    @property
    def is_few(self) -> bool:
        return self.n < FEW

    def __str__(self) -> str:
        """As "4.31 [4.20, 4.43]", "4.31* [4.20, 4.43] of 12"."""
        interval = f"[{self.low}, {self.high}]" if self.low else ""
        parts = (self.value + "*" * self.is_few, interval, self.of)
        return " ".join(part for part in parts if part)

    def alone(self) -> "Cell":
        """Without the interval."""
        return replace(self, low="", high="")


@dataclass(frozen=True)
class Section:
    """A pivot: cells or texts, one row per metric, or per subgroup and model.

    kind: of its subgroups, as "age x gender"; "" for all faces.
    """

    title: str
    kind: str
    frame: pd.DataFrame


def sections(results: Results) -> list[Section]:
    """All faces and differences of models by metric; subgroups and models by kind of subgroup."""
    table = results.table.copy()
    table["cell"] = [_cell(row, results) for row in table.itertuples()]
    found = [_of_all_faces(table, results)]
    found += [_of_difference(table, results, name) for name in results.differences]
    kinds = by_kind(table["subgroup"])
    if USE in kinds:  # each use, and its sources
        names = kinds.pop(USE) + kinds.pop(USE + CROSS + SOURCE)
        order = [f"{USE} {use}" for use in _USES]
        names.sort(key=lambda name: order.index(name.partition(CROSS)[0]))
        kinds = {USE: names, **kinds}
        kinds.pop(SOURCE, None)
    for kind, names in kinds.items():
        found.append(Section(_title(kind), kind, _by_subgroup(table, names)))
    return found


def _title(kind: str) -> str:
    titles = {USE: "By use in training", "children": "Children"}
    return titles.get(kind, f"By {kind.replace(CROSS, ' and ')}")


def _cell(row: tuple, results: Results) -> Cell:
    form = BY_NAME[row.metric].format
    if row.model in results.differences:
        form = "+" + form.removeprefix("+")
    ends = ("", "") if pd.isna(row.low) else (format(row.low, form), format(row.high, form))
    return Cell(format(row.value, form), *ends, row.n)


def _of_all_faces(table: pd.DataFrame, results: Results) -> Section:
    """One row per metric, next to the models' baselines."""
    own = table[(table["subgroup"] == ALL) & ~table["model"].isin(results.differences)]
    names = dict.fromkeys([*results.models, *(str(e.baseline) for e in results.evaluations)])
    frame = own.pivot(index="metric", columns="model", values="cell")
    frame = frame.reindex(
        index=[metric.name for metric in METRICS if metric.name in frame.index],
        columns=[name for name in names if name in frame],
    )
    counts = own[own["model"].isin(results.models)].groupby("metric")["n"].unique()
    frame["faces"] = [Cell(" / ".join(f"{n:,}" for n in counts[name])) for name in frame.index]
    return Section("All faces", "", _filled(frame))


def _of_difference(table: pd.DataFrame, results: Results, name: str) -> Section:
    """One row per metric, with the better model."""
    own = table[(table["subgroup"] == ALL) & (table["model"] == name)].set_index("metric")
    better = better_models(results)
    verdicts = [
        Cell(better.get((name, metric), "not clear") if BY_NAME[metric].better else "")
        for metric in own.index
    ]
    faces = [Cell(f"{n:,}") for n in own["n"]]
    frame = pd.DataFrame({"difference": own["cell"], "better": verdicts, "faces": faces})
    return Section(name, "", frame)


def _by_subgroup(table: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """One row per subgroup and model, with the metrics that any of them has."""
    own = table[table["subgroup"].isin(names)]
    shown = [metric for metric in BY_SUBGROUP if metric.name in set(own["metric"])]
    own = own[own["metric"].isin([metric.name for metric in shown])]
    frame = own.pivot(index=["subgroup", "model"], columns="metric", values="cell")
    order = own.drop_duplicates(["subgroup", "model"]).set_index(["subgroup", "model"]).index
    frame = frame.loc[sorted(order, key=lambda key: names.index(key[0]))]
    counts = own.pivot(index=["subgroup", "model"], columns="metric", values="n")
    counts = counts.reindex(frame.index, columns=[m.name for m in BY_SUBGROUP]).fillna(0)
    ages = counts["mae"] + counts["range_error"]  # exact ones and ranges
    faces = np.maximum(ages, counts.max(axis=1)).astype(int)
    columns = {metric.name: metric.column for metric in shown}
    frame = _filled(frame[[*columns]].rename(columns=columns))
    for name in frame:
        frame[name] = [
            replace(cell, of="" if cell.n == n or not cell.value else f"of {cell.n:,}")
            for cell, n in zip(frame[name], faces, strict=True)
        ]
    frame.insert(0, "faces", [Cell(f"{n:,}") for n in faces])
    return frame


def _filled(frame: pd.DataFrame) -> pd.DataFrame:
    """A frame with empty cells where there are none."""
    return frame.map(lambda cell: cell if isinstance(cell, Cell) else Cell())


def console(results: Results) -> str:
    """All tables without crossings, images without a face, and notes."""
    parts = [
        f"{section.title}\n{_text(section, results, 'simple', _WITH_INTERVAL)}"
        for section in sections(results)
        if CROSS not in section.kind
    ]
    parts += dict.fromkeys(map(skipped, results.evaluations))  # usually the same for all models
    parts += ["\n".join(f"note: {note}" for note in results.notes), legend()]
    return "\n\n".join(filter(None, parts))


def markdown(results: Results) -> str:
    """All tables with a heading each; the only crossed subgroups are age and gender."""
    return "\n\n".join(
        f"### {section.title}\n\n{_text(section, results, 'github')}"
        for section in sections(results)
        if CROSS not in section.kind or section.kind == _IN_CARD
    )


def legend() -> str:
    return (
        f"[...]: 95 % interval, by bootstrap, Wilson's for extreme shares. *: fewer than {FEW} "
        "faces. Errors, intervals and scores of ages are of exact ages (ranges of at most two "
        "years), range errors of the other ranges. Differences by age are exploratory."
    )


def _text(section: Section, results: Results, form: str, with_interval: tuple = ()) -> str:
    """A section as a table of tabulate's `form`; with the intervals of some columns of subgroups,
    or of all."""
    frame, headers = section.frame, [""]
    if section.kind and len(results.models) > 1:
        headers = ["", "model"]
    rows = []
    for key, row in zip(frame.index, frame.itertuples(index=False, name=None), strict=True):
        names = [*key][: len(headers)] if section.kind else [BY_NAME[key].title]
        cells = [
            cell if not (section.kind and with_interval) or name in with_interval else cell.alone()
            for name, cell in zip(frame, row, strict=True)
        ]
        rows.append([text.replace("|", r"\|") for text in [*names, *map(str, cells)]])
    headers += [name.replace(" (", "\n(") if form == "simple" else name for name in frame]
    aligned = {"stralign": "right", "colalign": ("left",)}
    return tabulate(rows, headers, tablefmt=form, disable_numparse=True, **aligned)


def skipped(evaluation: Evaluation) -> str:
    """Number, names and reasons of images without a face; "" if there are none."""
    count = len(evaluation.skipped)
    if not count:
        return ""
    lines = [f"{name}: {reason}" for name, reason in evaluation.skipped[:_MAX_SKIPPED]]
    if count > len(lines):
        lines.append(f"and {count - len(lines):,} more")
    return "\n".join([f"{count:,} of {count + len(evaluation.rows):,} images skipped:", *lines])
