"""Plots of the report, as SVG in the page's text colour."""

import io
import re
from collections.abc import Callable
from dataclasses import dataclass

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator, PercentFormatter

from ..labels import MAX_AGE, age_midpoint
from .metrics import BY_NAME, ECE_BINS, MEANINGS
from .results import Evaluation, Results
from .subgroups import FEW, is_age_band

# Colour, text sign and matplotlib marker per model, legible on white and on black.
SERIES = [
    ("#2f80d8", "●", "o"),
    ("#d9722b", "■", "s"),
    ("#259a72", "▲", "^"),
    ("#a862c9", "◆", "D"),
]
_INK = "#010203"  # placeholder for the page's text colour
_STYLE = {
    "axes.edgecolor": _INK,
    "axes.grid": True,
    "axes.labelcolor": _INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.size": 10,
    "grid.alpha": 0.15,
    "grid.color": _INK,
    "svg.fonttype": "none",
    "svg.hashsalt": "reproducible ids",
    "xtick.color": _INK,
    "ytick.color": _INK,
}
_GUIDE = {"color": _INK, "alpha": 0.6, "linewidth": 1, "linestyle": "--"}
_YEARS = np.arange(21)  # of the cumulative score
_CELL = 2  # years, the side of a cell of a crowded scatter
_CROWDED = 1500  # faces
# Metrics by age band, with the value of a guide.
_BY_AGE = {"mae": None, "range_error": None, "bias": 0, "coverage": 0.8, "gender_accuracy": None}


@dataclass(frozen=True)
class Plot:
    """A plot: title, caption and SVG."""

    title: str
    caption: str
    svg: str


def draw_plots(results: Results) -> list[Plot]:
    """The plots that the known labels allow."""
    bands = results.table[results.table["subgroup"].map(is_age_band)]
    bands = bands[bands["model"].isin(results.models)]
    plots = [
        _by_age(results, metric, bands[bands["metric"] == metric], guide)
        for metric, guide in _BY_AGE.items()
        if (bands["metric"] == metric).any()
    ]
    evaluations = results.evaluations
    if all(np.isfinite(evaluation.measures["error"]).any() for evaluation in evaluations):
        plots.append(_cumulative_score(results))
    if all(np.isfinite(evaluation.error).any() for evaluation in evaluations):
        plots += [_age_scatter(results, index) for index in range(len(evaluations))]
    if np.isfinite(results.labels.gender).any():
        plots.append(_gender_calibration(results))
    return plots


def series(index: int) -> tuple[str, str, str]:
    """Colour, text sign and marker of a model, cyclic."""
    return SERIES[index % len(SERIES)]


def _by_age(results: Results, metric: str, table: pd.DataFrame, guide: float | None) -> Plot:
    """One mark with its interval per age band and model."""
    shown = BY_NAME[metric]
    names = sorted(table["subgroup"].unique(), key=lambda name: int(name[4:].partition("-")[0]))

    def draw(axes: Axes) -> None:
        if guide is not None:
            axes.axhline(guide, **_GUIDE)
        for index, model in enumerate(results.models):
            rows = table[table["model"] == model]
            offset = (index - (len(results.models) - 1) / 2) * 0.5 / len(results.models)
            x = [names.index(name) + offset for name in rows["subgroup"]]
            axes.vlines(x, rows["low"], rows["high"], color=series(index)[0], linewidth=1.5)
            _draw_marks(axes, x, rows["value"], rows["n"], index)
        axes.grid(visible=False, axis="x")
        ticks = [name[4:] for name in names]
        axes.set_xticks(range(len(names)), ticks, rotation=45, ha="right", rotation_mode="anchor")
        axes.set(xlabel="true age, years", ylabel=shown.title, xlim=(-0.6, len(names) - 0.4))
        if shown.format.endswith("%"):
            _in_percent(axes, "y")
        elif shown.better:
            axes.set_ylim(bottom=0)

    title = f"{shown.title[0].upper()}{shown.title[1:].partition(',')[0]} by age"
    meaning = MEANINGS.get(metric, "")
    about = f"{meaning[:1].upper()}{meaning[1:]}. " if meaning else ""
    marks = f"Bars are 95 % intervals; hollow marks have fewer than {FEW} faces."
    return Plot(title, about + marks, _svg(draw))


def _cumulative_score(results: Results) -> Plot:
    errors = [e.measures["error"][np.isfinite(e.measures["error"])] for e in results.evaluations]
    scores = [(np.abs(error)[:, None] <= _YEARS).mean(axis=0) for error in errors]

    def draw(axes: Axes) -> None:
        for index, score in enumerate(scores):
            color, _, marker = series(index)
            axes.plot(_YEARS, score, color=color, marker=marker, markersize=3)
        axes.set(xlabel="maximum error, years", ylabel="faces")
        axes.xaxis.set_major_locator(MultipleLocator(5))
        _in_percent(axes, "y")

    caption = "The share of exact ages with at most this error. Higher is better."
    return Plot("Cumulative score", caption, _svg(draw))


def _age_scatter(results: Results, index: int) -> Plot:
    evaluation = results.evaluations[index]
    known = np.isfinite(evaluation.error)
    labels = evaluation.labels
    true = age_midpoint(labels.age_low, labels.age_high)[known]
    estimated = evaluation.estimates.age[known]
    top, color = true.max(initial=MAX_AGE), series(index)[0]

    def draw(axes: Axes) -> None:
        axes.plot([0, top], [0, top], **_GUIDE)
        if len(true) < _CROWDED:
            axes.scatter(true, estimated, s=9, color=color, alpha=0.5, linewidths=0)
        else:
            edges = np.arange(0, top + _CELL, _CELL)
            counts, _, _ = np.histogram2d(estimated, true, bins=[edges, edges])
            axes.imshow(
                np.ma.masked_equal(counts, 0),
                cmap=LinearSegmentedColormap.from_list("faint to full", [color + "20", color]),
                norm=PowerNorm(0.5),
                extent=(0, edges[-1], 0, edges[-1]),
                origin="lower",
                interpolation="nearest",
                zorder=2,
            )
        axes.set(xlabel="true age, years", ylabel="estimated age, years")
        axes.set(xlim=(0, top), ylim=(0, top), aspect="equal")

    marks = "Each dot is a face." if len(true) < _CROWDED else "Stronger colours are more faces."
    return Plot(
        "Estimated against true age" + (f": {evaluation.model}" if len(results.models) > 1 else ""),
        f"{marks} Above the dashed line ages are overestimated. Age ranges are at their middle.",
        _svg(draw),
    )


def _gender_calibration(results: Results) -> Plot:
    bins = [_calibration(evaluation) for evaluation in results.evaluations]

    def draw(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], **_GUIDE)
        for index, (predicted, women, faces) in enumerate(bins):
            axes.plot(predicted, women, color=series(index)[0], linewidth=1)
            _draw_marks(axes, predicted, women, faces, index)
        axes.set(xlabel="predicted probability of female", ylabel="share of women")
        axes.set(aspect="equal")
        _in_percent(axes, "x")
        _in_percent(axes, "y")

    return Plot(
        "Gender calibration",
        "The share of women per predicted probability of female. Probabilities on the dashed line "
        f"are calibrated. Hollow marks have fewer than {FEW} faces.",
        _svg(draw),
    )


def _calibration(evaluation: Evaluation) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean predicted probability of female, share of women and number of faces per filled bin."""
    gender = evaluation.labels.gender
    known = np.isfinite(gender)
    predicted = evaluation.estimates.p_female[known].astype(float)
    index = np.minimum((predicted * ECE_BINS).astype(int), ECE_BINS - 1)
    faces = np.bincount(index, minlength=ECE_BINS)
    filled = faces > 0
    sums = [np.bincount(index, each, ECE_BINS)[filled] for each in (predicted, gender[known] == 0)]
    return sums[0] / faces[filled], sums[1] / faces[filled], faces[filled]


def _draw_marks(axes: Axes, x: list, y: np.ndarray, faces: np.ndarray, index: int) -> None:
    """Marks of a model, hollow for few `faces`."""
    color, _, marker = series(index)
    fill = np.where(np.asarray(faces) < FEW, "none", color)
    axes.scatter(x, y, s=22, marker=marker, facecolors=fill, edgecolors=color, zorder=3)


def _in_percent(axes: Axes, name: str) -> None:
    axes.set(**{f"{name}lim": (-0.03, 1.03)})
    axis = getattr(axes, f"{name}axis")
    axis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))


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
