"""Plots of the report, as SVG in the page's text colour."""

import io
import re
from collections.abc import Callable, Iterator
from itertools import cycle

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
from .subgroups import AGE_BANDS, FEW, kind_of

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
    bands = results.table[results.table["subgroup"].map(kind_of) == "age"]
    bands = bands[bands["model"].isin(results.models)]
    few = f"Bars are 95 % intervals. Hollow marks have fewer than {FEW} faces."
    for name in _BY_AGE:
        if (bands["metric"] == name).any():
            title = f"{BY_NAME[name].title.partition(',')[0].capitalize()} by age"
            yield title, few, _svg(_by_age, results.models, name, bands[bands["metric"] == name])
    cells = (
        "Stronger colours are more faces. Above the dashed line ages are overestimated. Age ranges "
        "are at their middle."
    )
    for evaluation, series in zip(results.evaluations, cycle(SERIES), strict=False):
        if evaluation.labels["age_low"].notna().any():
            name = f": {evaluation.model}" if len(results.models) > 1 else ""
            svg = _svg(_age_histogram, evaluation, series[0])
            yield f"Estimated against true age{name}", cells, svg
    if results.labels["gender"].notna().any():
        shares = (
            "The share of women per predicted probability; on the dashed line it is calibrated."
        )
        yield "Gender calibration", shares, _svg(_gender_calibration, results.evaluations)


def _by_age(axes: Axes, models: list[str], name: str, table: pd.DataFrame) -> None:
    """One mark with its interval per age band and model."""
    metric, guide = BY_NAME[name], _BY_AGE[name]
    bands = [band for band in AGE_BANDS if f"age {band}" in set(table["subgroup"])]
    if guide is not None:
        axes.axhline(guide, **_GUIDE)
    for index, (model, (color, _, marker)) in enumerate(zip(models, cycle(SERIES), strict=False)):
        rows = table[table["model"] == model]
        offset = (index - (len(models) - 1) / 2) * 0.5 / len(models)
        x = [bands.index(band.removeprefix("age ")) + offset for band in rows["subgroup"]]
        axes.vlines(x, rows["low"], rows["high"], color=color, linewidth=1.5)
        fill = np.where(rows["n"] < FEW, "none", color)
        axes.scatter(x, rows["value"], s=22, marker=marker, facecolors=fill, edgecolors=color)
    axes.set_xticks(range(len(bands)), bands, rotation=45, ha="right", rotation_mode="anchor")
    axes.set(xlabel="true age, years", ylabel=metric.title)
    if metric.format.endswith("%"):
        axes.yaxis.set_major_formatter(_PERCENT)


def _age_histogram(axes: Axes, evaluation: Evaluation, color: str) -> None:
    labels = evaluation.labels
    true = np.minimum(age_midpoint(labels["age_low"], labels["age_high"]), MAX_AGE)
    known = true.notna().to_numpy()
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


def _gender_calibration(axes: Axes, evaluations: list[Evaluation]) -> None:
    axes.plot([0, 1], [0, 1], **_GUIDE)
    for evaluation, (color, _, marker) in zip(evaluations, cycle(SERIES), strict=False):
        bins = calibration_bins(evaluation)
        axes.plot(bins["predicted"], bins["women"], color=color, marker=marker, markersize=4)
    axes.set(xlabel="predicted probability of female", ylabel="share of women", aspect="equal")
    axes.xaxis.set_major_formatter(_PERCENT)
    axes.yaxis.set_major_formatter(_PERCENT)


def calibration_bins(evaluation: Evaluation) -> pd.DataFrame:
    """Mean predicted probability of female, share of women and number of faces per filled bin."""
    faces = evaluation.measures.dropna(subset="male")
    bins = np.minimum((faces["p_female"] * ECE_BINS).astype(int), ECE_BINS - 1)
    bins = faces.assign(women=faces["male"] == 0).groupby(bins)
    return bins.agg(
        predicted=("p_female", "mean"), women=("women", "mean"), faces=("women", "size")
    )


def _svg(draw: Callable[..., None], *arguments: object) -> str:
    """An SVG element in the page's font and text colour, of axes filled by `draw`."""
    with matplotlib.rc_context(_STYLE), io.StringIO() as file:
        figure = Figure(figsize=(4.2, 3.6), layout="constrained")
        draw(figure.subplots(), *arguments)
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(file, format="svg", transparent=True, metadata=nothing)
        text = file.getvalue()
    text = text[text.index("<svg") :].replace(_INK, "currentColor")
    return re.sub(r"^<svg[^>]*(viewBox=\"[^\"]*\")[^>]*>", r'<svg \1 aria-hidden="true">', text)
