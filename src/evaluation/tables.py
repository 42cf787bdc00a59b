"""Pivots of the table of metrics, as text for console, Markdown and HTML."""

import numpy as np
import pandas as pd
from tabulate import tabulate

from .intervals import holm, p_value
from .metrics import BY_NAME, BY_SUBGROUP
from .results import Results
from .subgroups import ALL, CROSS, FEW, SOURCE, USE, kind_of

LEGEND = (
    "[...]: 95 % interval, by bootstrap, Wilson's for extreme shares. *: fewer than "
    f"{FEW} faces. Errors, intervals and scores of ages are of exact ages (ranges of at most two "
    "years), range errors of the other ranges. A baseline predicts the same age and gender for "
    "every face. A better model is named if the difference is significant at 5 % after Holm's "
    "correction; differences by age are exploratory."
)
_LEVEL = 0.05  # of significance, after correction
_USES = "By use in training"  # each use, and its sources
_TITLES = {USE: _USES, USE + CROSS + SOURCE: _USES, "children": "Children"}
_WITH_INTERVAL = ("mae", "range_error", "gender_accuracy")  # on the console, which is narrow


def tables(
    results: Results, crossed: tuple[str, ...] | None = None, narrow: bool = False
) -> dict[str, pd.DataFrame]:
    """Tables of texts as "4.31* [4.20, 4.43] of 12", by title.

    Args:
        results: of an evaluation.
        crossed: kinds of crossed subgroups to show; None for all.
        narrow: whether only the most important metrics of subgroups have intervals.

    Returns:
        All faces, and differences between models, one row per metric; then, for each kind of
        subgroup, one row per subgroup and model.
    """
    titles = results.table["subgroup"].map(lambda name: _title(name, crossed))
    table = results.table.assign(text=_texts(results, narrow), title=titles)
    table = table.sort_values("metric", key=lambda m: m.map([*BY_NAME].index), kind="stable")
    of_all = table[table["subgroup"] == ALL]
    baselines = (evaluation.baseline for evaluation in results.evaluations)
    found = {"All faces": _by_metric(of_all, [*results.models, *baselines])}
    if results.differences:
        found["Differences"] = _by_metric(of_all, [*results.differences])
    for title in filter(None, dict.fromkeys([_USES, *titles])):
        found[title] = _by_subgroup(table[table["title"] == title], len(results.models) > 1)
    return found


def _title(subgroup: str, crossed: tuple[str, ...] | None) -> str:
    """The title of a subgroup's table, "" to omit it; see `tables`."""
    kind = kind_of(subgroup)
    is_shown = CROSS not in kind or crossed is None or kind in (*crossed, *_TITLES)
    if kind in (ALL, SOURCE) or not is_shown:
        return ""
    return _TITLES.get(kind, f"By {kind.replace(CROSS, ' and ')}")


def _texts(results: Results, narrow: bool) -> list[str]:
    """Value, mark of few faces, and interval of each row of the table of metrics; of differences
    for all faces, also the better model."""
    found, better = [], better_models(results)
    for row in results.table.itertuples():
        form = BY_NAME[row.metric].format
        form = form if row.model not in results.differences else f"+{form.removeprefix('+')}"
        text = format(row.value, form) + "*" * (row.n < FEW)
        is_short = narrow and row.subgroup != ALL and row.metric not in _WITH_INTERVAL
        if not is_short and not pd.isna(row.low):
            text += f" [{row.low:{form}}, {row.high:{form}}]"
        if row.subgroup == ALL and (row.model, row.metric) in better:
            text += f" {better[row.model, row.metric]} is better"
        found.append(text)
    return found


def better_models(results: Results) -> dict[tuple[str, str], str]:
    """The better model by difference and metric, for all faces, where it is significant.

    Holm's correction is for all of these comparisons; those of age bands are exploratory.
    """
    table = results.table[
        results.table["model"].isin(results.differences) & (results.table["subgroup"] == ALL)
    ]
    found, adjusted = {}, holm(p_value(table["value"], table["low"], table["high"]))
    for row in table.loc[adjusted.index[adjusted < _LEVEL]].itertuples():
        if better := BY_NAME[row.metric].better * np.sign(row.value):
            found[row.model, row.metric] = results.differences[row.model][int(better < 0)]
    return found


def _by_metric(table: pd.DataFrame, models: list[str]) -> pd.DataFrame:
    """One row per metric, one column per model, baseline or difference."""
    own = table[table["model"].isin(models)]
    counts = own.groupby("metric")["n"].unique()
    frame = own.pivot_table("text", "metric", "model", aggfunc="first", sort=False).fillna("")
    frame = frame[[name for name in dict.fromkeys(models) if name in frame]]
    frame["faces"] = [" / ".join(f"{n:,}" for n in counts[name]) for name in frame.index]
    frame = frame.rename({name: metric.title for name, metric in BY_NAME.items()})
    return frame.rename_axis(None).rename_axis(None, axis=1)


def _by_subgroup(table: pd.DataFrame, several: bool) -> pd.DataFrame:
    """One row per subgroup and model, with the metrics that any of them has."""
    keys = ["subgroup", "model"]
    own = table[table["metric"].isin(each.name for each in BY_SUBGROUP)].set_index(keys)
    counts = own.pivot_table("n", keys, "metric")
    ages = counts.reindex(columns=["mae", "range_error"]).sum(axis=1)  # exact ones and ranges
    faces = np.maximum(counts.max(axis=1), ages).astype(int)
    own["text"] += ["" if n == faces[key] else f" of {n:,}" for key, n in own["n"].items()]
    frame = own.pivot_table("text", keys, "metric", aggfunc="first", sort=False).fillna("")
    frame.insert(0, "faces", faces.map("{:,}".format))
    frame = frame.rename(columns={name: metric.column for name, metric in BY_NAME.items()})
    frame = frame.sort_index(level=0, sort_remaining=False, kind="stable").reset_index("model")
    frame = frame.rename_axis(None).rename_axis(None, axis=1)
    return frame if several else frame.drop(columns="model")


def console(results: Results) -> str:
    """All tables without crossings, notes, and the legend."""
    parts = [
        f"{title}\n{as_text(frame, 'simple')}"
        for title, frame in tables(results, crossed=(), narrow=True).items()
    ]
    parts += ["\n".join(f"note: {note}" for note in results.notes), LEGEND]
    return "\n\n".join(filter(None, parts))


def markdown(results: Results) -> str:
    """All tables with a heading each, the legend, and notes, for a model card; the only crossed
    subgroups are age and gender."""
    parts = [
        f"### {title}\n\n{as_text(frame, 'github')}"
        for title, frame in tables(results, crossed=(f"age{CROSS}gender",)).items()
    ]
    parts.append(LEGEND.replace("[...]", r"\[...\]").replace("*:", r"\*:"))
    return "\n\n".join([*parts, "\n".join(f"* {note}" for note in results.notes)])


def as_text(frame: pd.DataFrame, form: str) -> str:
    """A frame of texts as a table of tabulate's `form`."""
    frame = frame.reset_index(names="").map(lambda text: text.replace("|", r"\|"))
    headers = [name.replace(" (", "\n(") if form == "simple" else name for name in frame]
    aligned = {"stralign": "right", "colalign": ("left",)}
    return tabulate(
        frame.to_numpy().tolist(), headers, tablefmt=form, disable_numparse=True, **aligned
    )
