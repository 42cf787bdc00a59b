"""Pivots of the table of metrics, as text for console, Markdown and HTML."""

import numpy as np
import pandas as pd
from tabulate import tabulate

from .intervals import holm, p_value
from .metrics import BY_NAME, BY_SUBGROUP, METRICS
from .results import Evaluation, Results
from .subgroups import ALL, CROSS, FEW, SOURCE, USE, by_kind

ALL_FACES = "All faces"
_LEVEL = 0.05  # of significance, after correction
_MAX_SKIPPED = 20
_TITLES = {USE: "By use in training", "children": "Children"}
_WITH_INTERVAL = ("mae", "range_error", "gender_accuracy")  # on the console, which is narrow
_IN_CARD = f"age{CROSS}gender"  # the only crossing in model cards


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
    table = results.table.assign(text=_texts(results, narrow))
    found = {ALL_FACES: _of_all_faces(table, results)}
    found |= {name: _of_difference(table, results, name) for name in results.differences}
    kinds = by_kind(table["subgroup"])
    if USE in kinds:
        names = kinds.pop(USE) + kinds.pop(USE + CROSS + SOURCE)
        kinds.pop(SOURCE, None)
        kinds = {USE: sorted(names), **kinds}  # each use, and its sources
    for kind, names in kinds.items():
        if crossed is None or CROSS not in kind or kind in crossed:
            title = _TITLES.get(kind, f"By {kind.replace(CROSS, ' and ')}")
            found[title] = _by_subgroup(table, names, len(results.models) > 1)
    return found


def _texts(results: Results, narrow: bool) -> list[str]:
    """Value, mark of few faces, and interval of each row of the table of metrics."""
    found = []
    for row in results.table.itertuples():
        form = BY_NAME[row.metric].format
        form = form if row.model not in results.differences else f"+{form.removeprefix('+')}"
        text = format(row.value, form) + "*" * (row.n < FEW)
        is_short = narrow and row.subgroup != ALL and row.metric not in _WITH_INTERVAL
        if not is_short and not pd.isna(row.low):
            text += f" [{row.low:{form}}, {row.high:{form}}]"
        found.append(text)
    return found


def _of_all_faces(table: pd.DataFrame, results: Results) -> pd.DataFrame:
    """One row per metric, next to the models' baselines."""
    own = table[(table["subgroup"] == ALL) & ~table["model"].isin(results.differences)]
    names = dict.fromkeys([*results.models, *(str(e.baseline) for e in results.evaluations)])
    frame = own.pivot(index="metric", columns="model", values="text")
    frame = frame.reindex(
        index=[metric.name for metric in METRICS if metric.name in frame.index],
        columns=[name for name in names if name in frame],
    )
    counts = own[own["model"].isin(results.models)].groupby("metric")["n"].unique()
    frame["faces"] = [" / ".join(f"{n:,}" for n in counts[name]) for name in frame.index]
    return _with_titles(frame)


def better_models(results: Results) -> dict[tuple[str, str], str]:
    """The better model by difference and metric, for all faces, where it is significant.

    Holm's correction is for all of these comparisons; those of age bands are exploratory.
    """
    table = results.table[
        results.table["model"].isin(results.differences) & (results.table["subgroup"] == ALL)
    ]
    adjusted = holm(p_value(table["value"], table["low"], table["high"]).to_numpy())
    found = {}
    for row, p in zip(table.itertuples(), adjusted, strict=True):
        model, first = results.differences[row.model]
        better = BY_NAME[row.metric].better * np.sign(row.value)
        if p < _LEVEL and better:
            found[row.model, row.metric] = model if better > 0 else first
    return found


def _of_difference(table: pd.DataFrame, results: Results, name: str) -> pd.DataFrame:
    """One row per metric, with the better model."""
    own = table[(table["subgroup"] == ALL) & (table["model"] == name)].set_index("metric")
    better = better_models(results)
    verdicts = [
        better.get((name, metric), "not clear") if BY_NAME[metric].better else ""
        for metric in own.index
    ]
    columns = {"difference": own["text"], "better": verdicts, "faces": own["n"].map("{:,}".format)}
    return _with_titles(pd.DataFrame(columns))


def _with_titles(frame: pd.DataFrame) -> pd.DataFrame:
    titles = {name: BY_NAME[name].title for name in frame.index}
    return frame.fillna("").rename(titles).rename_axis(None).rename_axis(None, axis=1)


def _by_subgroup(table: pd.DataFrame, names: list[str], several: bool) -> pd.DataFrame:
    """One row per subgroup and model, with the metrics that any of them has."""
    keys = ["subgroup", "model"]
    own = table[table["subgroup"].isin(names)]
    shown = {each.name: each.column for each in BY_SUBGROUP if each.name in set(own["metric"])}
    own = own[own["metric"].isin(shown)].set_index(keys)
    counts = own.pivot_table("n", keys, "metric")
    ages = counts.reindex(columns=["mae", "range_error"]).sum(axis=1)  # exact ones and ranges
    faces = np.maximum(counts.max(axis=1), ages).astype(int)
    own["text"] += ["" if n == faces[key] else f" of {n:,}" for key, n in own["n"].items()]
    frame = own.pivot_table("text", keys, "metric", aggfunc="first")[[*shown]]
    frame = frame.rename(columns=shown).fillna("")
    frame.insert(0, "faces", faces.map("{:,}".format))
    order = sorted(dict.fromkeys(own.index), key=lambda key: names.index(key[0]))
    frame = frame.loc[order].reset_index("model").rename_axis(None).rename_axis(None, axis=1)
    return frame if several else frame.drop(columns="model")


def console(results: Results) -> str:
    """All tables without crossings, images without a face, and notes."""
    parts = [
        f"{title}\n{as_text(frame, 'simple')}"
        for title, frame in tables(results, crossed=(), narrow=True).items()
    ]
    parts += dict.fromkeys(map(skipped, results.evaluations))  # usually the same for all models
    parts += ["\n".join(f"note: {note}" for note in results.notes), legend()]
    return "\n\n".join(filter(None, parts))


def markdown(results: Results) -> str:
    """All tables with a heading each; the only crossed subgroups are age and gender."""
    return "\n\n".join(
        f"### {title}\n\n{as_text(frame, 'github')}"
        for title, frame in tables(results, crossed=(_IN_CARD,)).items()
    )


def as_text(frame: pd.DataFrame, form: str) -> str:
    """A frame of texts as a table of tabulate's `form`."""
    frame = frame.reset_index(names="").map(lambda text: text.replace("|", r"\|"))
    headers = [name.replace(" (", "\n(") if form == "simple" else name for name in frame]
    aligned = {"stralign": "right", "colalign": ("left",)}
    return tabulate(
        frame.to_numpy().tolist(), headers, tablefmt=form, disable_numparse=True, **aligned
    )


def legend() -> str:
    return (
        f"[...]: 95 % interval, by bootstrap, Wilson's for extreme shares. *: fewer than {FEW} "
        "faces. Errors, intervals and scores of ages are of exact ages (ranges of at most two "
        "years), range errors of the other ranges. Differences by age are exploratory."
    )


def skipped(evaluation: Evaluation) -> str:
    """Number, names and reasons of images without a face; "" if there are none."""
    count = len(evaluation.skipped)
    if not count:
        return ""
    lines = [f"{name}: {reason}" for name, reason in evaluation.skipped[:_MAX_SKIPPED]]
    if count > len(lines):
        lines.append(f"and {count - len(lines):,} more")
    return "\n".join([f"{count:,} of {count + len(evaluation.labels):,} images skipped:", *lines])
