"""Plots of the report, as SVG in the page's text colour."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import LinearSegmentedColormap, PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import ArrayLike

from ..labels import MAX_AGE, age_midpoint
from .metrics import ECE_BINS
from .results import Evaluation, Results
from .slices import FEW

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
_BINS = np.linspace(0, 1, ECE_BINS + 1)  # of a probability
_YEARS = np.arange(21)  # of the cumulative score
_CELL = 2  # years, the side of a cell of a crowded scatter
_CROWDED = 1500  # faces
_INTERVAL_MASS = 0.8  # nominal coverage of the estimator's intervals
_BAND_NOTE = f"Bars are 95 % intervals; hollow marks have fewer than {FEW} faces."


@dataclass(frozen=True)
class Plot:
    """A plot: title, caption, text alternative and SVG."""

    title: str
    caption: str
    alt: str
    svg: str


def draw_plots(results: Results) -> list[Plot]:
    """The plots that the known labels allow."""
    plots = []
    if all(np.isfinite(evaluation.error).any() for evaluation in results.evaluations):
        plots += [_age_error(results), _age_bias(results), _age_coverage(results)]
        plots += [_cumulative_score(results)]
        plots += [_age_scatter(results, place) for place in range(len(results.evaluations))]
    if np.isfinite(results.labels.gender).any():
        plots += [_gender_calibration(results)]
    return plots


def series(place: int) -> tuple[str, str, str]:
    """Colour, text sign and marker of the model at `place`, cyclic."""
    return SERIES[place % len(SERIES)]


def _age_error(results: Results) -> Plot:
    def draw(axes: Axes) -> None:
        _draw_bands(axes, results, "mae")
        axes.set(ylabel="mean absolute error, years")
        axes.set_ylim(bottom=0)

    return Plot(
        "Age error by age",
        "Mean absolute error of the estimated age, per true age. Lower is better. " + _BAND_NOTE,
        _bands_in_words(results, "mae", "{:.1f} years"),
        _svg(draw),
    )


def _age_bias(results: Results) -> Plot:
    def draw(axes: Axes) -> None:
        axes.axhline(0, **_GUIDE)
        _draw_bands(axes, results, "bias")
        axes.set(ylabel="bias, years")

    return Plot(
        "Age bias by age",
        "Above the dashed line ages are overestimated, below it underestimated. " + _BAND_NOTE,
        _bands_in_words(results, "bias", "{:+.1f} years"),
        _svg(draw),
    )


def _age_coverage(results: Results) -> Plot:
    def draw(axes: Axes) -> None:
        axes.axhline(_INTERVAL_MASS, **_GUIDE)
        _draw_bands(axes, results, "coverage")
        axes.set(ylabel="age within the interval", ylim=(-0.03, 1.03))
        _in_percent(axes.yaxis)

    return Plot(
        "Age interval coverage by age",
        "The share of true ages within the 80 % interval. Below the dashed line the model is "
        "overconfident. " + _BAND_NOTE,
        _bands_in_words(results, "coverage", "{:.0%}"),
        _svg(draw),
    )


def _cumulative_score(results: Results) -> Plot:
    scores = [
        (np.abs(error)[:, None] <= _YEARS).mean(axis=0)
        for error in (e.error[np.isfinite(e.error)] for e in results.evaluations)
    ]

    def draw(axes: Axes) -> None:
        for place, score in enumerate(scores):
            color, _, marker = series(place)
            axes.plot(_YEARS, score, color=color, marker=marker, markersize=3)
        axes.set(xlabel="maximum error, years", ylabel="faces", ylim=(-0.03, 1.03))
        axes.xaxis.set_major_locator(matplotlib.ticker.MultipleLocator(5))
        _in_percent(axes.yaxis)

    words = (f"{each[5]:.0%} of faces within 5 years, {each[10]:.0%} within 10" for each in scores)
    return Plot(
        "Cumulative score",
        "The share of faces with at most this age error. Higher is better.",
        _by_model(results, words),
        _svg(draw),
    )


def _age_scatter(results: Results, place: int) -> Plot:
    evaluation = results.evaluations[place]
    labels, rows = results.labels, evaluation.rows
    known = np.isfinite(evaluation.error)
    true = age_midpoint(labels.age_low, labels.age_high)[rows][known]
    estimated = evaluation.estimates.age[known]
    top = true.max(initial=MAX_AGE)
    color = series(place)[0]

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
        "Estimated against true age" + _of_model(results, evaluation),
        f"{marks} Above the dashed line ages are overestimated. Age ranges are at their middle.",
        f"{len(true):,} faces; correlation of true and estimated age "
        f"{_correlation(true, estimated)}.",
        _svg(draw),
    )


def _gender_calibration(results: Results) -> Plot:
    bins = [_calibration(results, evaluation) for evaluation in results.evaluations]

    def draw(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], **_GUIDE)
        for place, (predicted, women, faces) in enumerate(bins):
            color, _, marker = series(place)
            axes.plot(predicted, women, color=color, linewidth=1)
            _draw_marks(axes, predicted, women, faces, color, marker)
        axes.set(xlabel="predicted probability of female", ylabel="share of women")
        axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), aspect="equal")
        _in_percent(axes.xaxis)
        _in_percent(axes.yaxis)

    words = (
        ", ".join(
            f"predicted {predicted:.0%}, true {women:.0%}"
            for predicted, women, _ in zip(*each, strict=True)
        )
        for each in bins
    )
    return Plot(
        "Gender calibration",
        "The share of women per predicted probability of female. Probabilities on the dashed line "
        f"are calibrated. Hollow marks have fewer than {FEW} faces.",
        _by_model(results, words),
        _svg(draw),
    )


def _calibration(
    results: Results, evaluation: Evaluation
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean predicted probability of female, share of women and number of faces per filled bin."""
    gender = results.labels.gender[evaluation.rows]
    known = np.isfinite(gender)
    predicted = evaluation.estimates.p_female[known].astype(float)
    place = np.clip(np.digitize(predicted, _BINS) - 1, 0, len(_BINS) - 2)
    faces = np.bincount(place, minlength=len(_BINS) - 1)
    filled = faces > 0
    values = (predicted, gender[known] == 0)
    sums = [np.bincount(place, each, len(faces))[filled] for each in values]
    return sums[0] / faces[filled], sums[1] / faces[filled], faces[filled]


def _draw_bands(axes: Axes, results: Results, figure: str) -> None:
    """One mark with its interval per age band and model."""
    tables = [_bands(evaluation, figure) for evaluation in results.evaluations]
    names = sorted({name for table in tables for name in table.index}, key=_first_year)
    for place, table in enumerate(tables):
        color, _, marker = series(place)
        offset = (place - (len(tables) - 1) / 2) * 0.5 / len(tables)
        x = [names.index(name) + offset for name in table.index]
        axes.vlines(x, table["low"], table["high"], color=color, linewidth=1.5)
        _draw_marks(axes, x, table["value"], table["n"], color, marker)
    axes.grid(visible=False, axis="x")
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor")
    axes.set(xlabel="true age, years", xlim=(-0.6, len(names) - 0.4))


def _first_year(band: str) -> int:
    return int(band.partition("-")[0])


def _draw_marks(
    axes: Axes, x: ArrayLike, y: ArrayLike, faces: ArrayLike, color: str, marker: str
) -> None:
    """Marks, hollow for few `faces`."""
    fill = np.where(np.asarray(faces) < FEW, "none", color)
    axes.scatter(x, y, s=22, marker=marker, facecolors=fill, edgecolors=color, zorder=3)


def _in_percent(axis: Axis) -> None:
    axis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))


def _bands(evaluation: Evaluation, figure: str) -> pd.DataFrame:
    """Rows of a metric by age band."""
    rows = evaluation.figures[evaluation.figures["figure"] == figure]
    band = rows["slice"].str.extract(r"^age (\d+-\d+)$")[0]
    return rows[band.notna()].set_index(band[band.notna()])


def _bands_in_words(results: Results, figure: str, form: str) -> str:
    words = []
    for evaluation in results.evaluations:
        values = _bands(evaluation, figure)["value"]
        words.append(", ".join(f"{band} {form.format(value)}" for band, value in values.items()))
    return _by_model(results, words)


def _by_model(results: Results, words: Iterable[str]) -> str:
    """Sentences per model, with its name if there are several."""
    return " ".join(
        f"{evaluation.model}: {text}." if len(results.evaluations) > 1 else f"{text}."
        for evaluation, text in zip(results.evaluations, words, strict=True)
    )


def _of_model(results: Results, evaluation: Evaluation) -> str:
    return f": {evaluation.model}" if len(results.evaluations) > 1 else ""


def _correlation(true: np.ndarray, estimated: np.ndarray) -> str:
    if len(true) < 2 or not (np.ptp(true) and np.ptp(estimated)):
        return "unknown"
    return f"{np.corrcoef(true, estimated)[0, 1]:.2f}"


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
