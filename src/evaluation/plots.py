"""Plots of the report, as SVG in the page's text colour."""

import io
import re
from collections.abc import Callable, Iterator

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from ..labels import MAX_AGE, age_midpoint
from .metrics import BY_NAME, ECE_BINS
from .results import Evaluation, Results
from .subgroups import AGE_BANDS, FEW, is_age_band

# Colour, text sign and matplotlib marker of the models, in turn, legible on white and on black.
SERIES = (
    ("#2f80d8", "●", "o"),
    ("#d9722b", "■", "s"),
    ("#259a72", "▲", "^"),
    ("#a862c9", "◆", "D"),
)
_INK = "#010203"  # placeholder for the page's text colour
_STYLE = dict.fromkeys(("axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), _INK)
_STYLE |= {"axes.spines.right": False, "axes.spines.top": False, "font.size": 10}
_STYLE |= {"axes.grid": True, "grid.alpha": 0.15, "grid.color": _INK}
_STYLE |= {"svg.fonttype": "none", "svg.hashsalt": "reproducible ids"}
_GUIDE = {"color": _INK, "alpha": 0.6, "linewidth": 1, "linestyle": "--"}
_CELL = 2  # years, the side of a cell of the histogram of ages
# Metrics by age band, with the value of a guide.
_BY_AGE = {"mae": None, "range_error": None, "bias": 0, "coverage": 0.8, "gender_accuracy": None}
_PERCENT = PercentFormatter(1, decimals=0, symbol=" %")

Plot = tuple[str, str, str]  # title, caption, SVG


def draw_plots(results: Results) -> Iterator[Plot]:
    """The plots that the known labels allow."""
    bands = results.table[results.table["subgroup"].map(is_age_band)]
    bands = bands[bands["model"].isin(results.models)]
    for metric in _BY_AGE:
        if (bands["metric"] == metric).any():
            yield _by_age(results, metric, bands[bands["metric"] == metric])
    for index, evaluation in enumerate(results.evaluations):
        if evaluation.labels["age_low"].notna().any():
            name = f": {evaluation.model}" if len(results.models) > 1 else ""
            color, *_ = SERIES[index % len(SERIES)]
            yield _age_histogram(evaluation, f"Estimated against true age{name}", color)
    if results.labels["gender"].notna().any():
        yield _gender_calibration(results)


def _by_age(results: Results, metric: str, table: pd.DataFrame) -> Plot:
    """One mark with its interval per age band and model."""
    shown, guide = BY_NAME[metric], _BY_AGE[metric]
    names = [name for name in AGE_BANDS if f"age {name}" in set(table["subgroup"])]

    def draw(axes: Axes) -> None:
        if guide is not None:
            axes.axhline(guide, **_GUIDE)
        for index, model in enumerate(results.models):
            rows = table[table["model"] == model]
            color, _, marker = SERIES[index % len(SERIES)]
            offset = (index - (len(results.models) - 1) / 2) * 0.5 / len(results.models)
            x = [names.index(name.removeprefix("age ")) + offset for name in rows["subgroup"]]
            axes.vlines(x, rows["low"], rows["high"], color=color, linewidth=1.5)
            fill = np.where(rows["n"] < FEW, "none", color)
            axes.scatter(x, rows["value"], s=22, marker=marker, facecolors=fill, edgecolors=color)
        axes.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor")
        axes.set(xlabel="true age, years", ylabel=shown.title)
        if shown.format.endswith("%"):
            axes.yaxis.set_major_formatter(_PERCENT)

    title = f"{shown.title.partition(',')[0].capitalize()} by age"
    return title, f"Bars are 95 % intervals. Hollow marks have fewer than {FEW} faces.", _svg(draw)


def _age_histogram(evaluation: Evaluation, title: str, color: str) -> Plot:
    labels = evaluation.labels
    true = np.minimum(age_midpoint(labels["age_low"], labels["age_high"]), MAX_AGE)
    known = true.notna().to_numpy()

    def draw(axes: Axes) -> None:
        axes.plot([0, MAX_AGE], [0, MAX_AGE], **_GUIDE)
        axes.hist2d(
            true[known],
            evaluation.measures["est_age"][known],
            bins=np.arange(0, MAX_AGE + _CELL + 1, _CELL),
            cmin=1,
            cmap=LinearSegmentedColormap.from_list("faint to full", [color + "20", color]),
            norm=PowerNorm(0.5),
            rasterized=True,
            zorder=2,
        )
        axes.set(xlabel="true age, years", ylabel="estimated age, years", aspect="equal")

    caption = "Above the dashed line ages are overestimated. Age ranges are at their middle."
    return title, f"Stronger colours are more faces. {caption}", _svg(draw)


def _gender_calibration(results: Results) -> Plot:
    def draw(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], **_GUIDE)
        for index, evaluation in enumerate(results.evaluations):
            bins, (color, _, marker) = calibration_bins(evaluation), SERIES[index % len(SERIES)]
            axes.plot(bins["predicted"], bins["women"], color=color, marker=marker, markersize=4)
        axes.set(xlabel="predicted probability of female", ylabel="share of women", aspect="equal")
        axes.xaxis.set_major_formatter(_PERCENT)
        axes.yaxis.set_major_formatter(_PERCENT)

    caption = "The share of women per predicted probability; on the dashed line it is calibrated."
    return "Gender calibration", caption, _svg(draw)


def calibration_bins(evaluation: Evaluation) -> pd.DataFrame:
    """Mean predicted probability of female, share of women and number of faces per filled bin."""
    faces = evaluation.measures.dropna(subset="male")
    bins = np.minimum((faces["p_female"] * ECE_BINS).astype(int), ECE_BINS - 1)
    bins = faces.assign(women=faces["male"] == 0).groupby(bins)
    return bins.agg(
        predicted=("p_female", "mean"), women=("women", "mean"), faces=("women", "size")
    )


def _svg(draw: Callable[[Axes], None]) -> str:
    """Axes filled by `draw`, as an SVG element with the page's font and text colour."""
    with matplotlib.rc_context(_STYLE), io.StringIO() as file:
        figure = Figure(figsize=(4.2, 3.6), layout="constrained")
        draw(figure.subplots())
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(file, format="svg", transparent=True, metadata=nothing)
        text = file.getvalue()
    text = text[text.index("<svg") :].replace(_INK, "currentColor")
    text = re.sub(r"^<svg[^>]*(viewBox=\"[^\"]*\")[^>]*>", r'<svg \1 aria-hidden="true">', text)
    return re.sub(r'<g id="[^"]*"', "<g", text)
