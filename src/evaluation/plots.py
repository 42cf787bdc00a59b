"""The report's plots, as SVG that takes its ink from the page, so that it reads light and dark."""

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

from src.evaluation.metrics import ECE_BINS
from src.evaluation.results import Evaluation, Results
from src.evaluation.slices import FEW
from src.labels import MAX_AGE

# A model's colour and marker, for text and for matplotlib; they read on white and on black.
SERIES = [
    ("#2f80d8", "●", "o"),
    ("#d9722b", "■", "s"),
    ("#259a72", "▲", "^"),
    ("#a862c9", "◆", "D"),
]
_INK = "#010203"  # stands for the page's text colour
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
    "svg.hashsalt": "ids that are the same every time",
    "xtick.color": _INK,
    "ytick.color": _INK,
}
_GUIDE = {"color": _INK, "alpha": 0.6, "linewidth": 1, "linestyle": "--"}
_BINS = np.linspace(0, 1, ECE_BINS + 1)  # of a probability
_YEARS = np.arange(21)  # of the cumulative score
_CELL = 2  # years, the side of a cell of a crowded scatter
_CROWDED = 1500  # faces
_INTERVAL_MASS = 0.8  # what the estimator's intervals should hold
_BAND_NOTE = f"Bars are 95 % intervals; hollow marks are of fewer than {FEW} faces."


@dataclass(frozen=True)
class Plot:
    """A plot for the page: its title, how to read it, what it shows in words, and its SVG."""

    title: str
    caption: str
    alt: str
    svg: str


def draw_plots(results: Results) -> list[Plot]:
    """The plots that the known labels allow: none of ages where no age is known, and so on."""
    plots = []
    if all(np.isfinite(evaluation.error).any() for evaluation in results.evaluations):
        plots += [_age_error(results), _age_bias(results), _age_coverage(results)]
        plots += [_cumulative_score(results)]
        plots += [_age_scatter(results, place) for place in range(len(results.evaluations))]
    if np.isfinite(results.labels.gender).any():
        plots += [_gender_calibration(results)]
    return plots


def series(place: int) -> tuple[str, str, str]:
    """Colour, sign in text and marker of the model at `place`; they repeat after the last."""
    return SERIES[place % len(SERIES)]


def _age_error(results: Results) -> Plot:
    def draw(axes: Axes) -> None:
        _draw_bands(axes, results, "mae")
        axes.set(ylabel="mean absolute error, years")
        axes.set_ylim(bottom=0)

    return Plot(
        "Age error by age",
        "How far estimated ages are from true ones, on average, for people of each age. "
        "Lower is better. " + _BAND_NOTE,
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
        "Above the dashed line people are said to be older than they are, below it younger. "
        + _BAND_NOTE,
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
        "How often the true age lies within the interval that should hold it in 80 % of cases "
        "(the dashed line). Below the line the model is too sure of itself. " + _BAND_NOTE,
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
        axes.set(xlabel="error of at most, years", ylabel="faces", ylim=(-0.03, 1.03))
        axes.xaxis.set_major_locator(matplotlib.ticker.MultipleLocator(5))
        _in_percent(axes.yaxis)

    words = (f"{each[5]:.0%} of faces within 5 years, {each[10]:.0%} within 10" for each in scores)
    return Plot(
        "Cumulative score",
        "The share of faces whose estimated age is at most so many years off. Higher is better.",
        _by_model(results, words),
        _svg(draw),
    )


def _age_scatter(results: Results, place: int) -> Plot:
    evaluation = results.evaluations[place]
    labels, rows = results.labels, evaluation.rows
    known = np.isfinite(evaluation.error)
    true = ((labels.age_low + labels.age_high) / 2)[rows][known]
    said = evaluation.estimates.age[known]
    top = true.max(initial=MAX_AGE)
    color = series(place)[0]

    def draw(axes: Axes) -> None:
        axes.plot([0, top], [0, top], **_GUIDE)
        if len(true) < _CROWDED:
            axes.scatter(true, said, s=9, color=color, alpha=0.5, linewidths=0)
        else:
            edges = np.arange(0, top + _CELL, _CELL)
            counts, _, _ = np.histogram2d(said, true, bins=[edges, edges])
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

    what = "Each dot is a face." if len(true) < _CROWDED else "The stronger the colour, the more."
    return Plot(
        "Estimated against true age" + _of_model(results, evaluation),
        f"{what} On the dashed line the estimate is right; above it, it is too old. "
        "True age ranges stand at their middle.",
        f"{len(true):,} faces; correlation of true and estimated age {_correlation(true, said)}.",
        _svg(draw),
    )


def _gender_calibration(results: Results) -> Plot:
    bins = [_calibration(results, evaluation) for evaluation in results.evaluations]

    def draw(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], **_GUIDE)
        for place, (said, women, faces) in enumerate(bins):
            color, _, marker = series(place)
            axes.plot(said, women, color=color, linewidth=1)
            _draw_marks(axes, said, women, faces, color, marker)
        axes.set(xlabel="said probability of female", ylabel="women among them")
        axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), aspect="equal")
        _in_percent(axes.xaxis)
        _in_percent(axes.yaxis)

    words = (
        ", ".join(
            f"said {said:.0%}, {women:.0%} were" for said, women, _ in zip(*each, strict=True)
        )
        for each in bins
    )
    return Plot(
        "Gender calibration",
        "Of the faces said to be female with some probability, the share that are women. On the "
        "dashed line probabilities mean what they say. "
        f"Hollow marks are of fewer than {FEW} faces.",
        _by_model(results, words),
        _svg(draw),
    )


def _calibration(
    results: Results, evaluation: Evaluation
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean said probability of female, share of women and faces of each bin that has a face."""
    gender = results.labels.gender[evaluation.rows]
    known = np.isfinite(gender)
    said = evaluation.estimates.p_female[known].astype(float)
    place = np.clip(np.digitize(said, _BINS) - 1, 0, len(_BINS) - 2)
    faces = np.bincount(place, minlength=len(_BINS) - 1)
    filled = faces > 0
    sums = [np.bincount(place, of, len(faces))[filled] for of in (said, gender[known] == 0)]
    return sums[0] / faces[filled], sums[1] / faces[filled], faces[filled]


def _draw_bands(axes: Axes, results: Results, figure: str) -> None:
    """A mark an age band and model, with its interval."""
    tables = [_bands(evaluation, figure) for evaluation in results.evaluations]
    names = sorted({name for table in tables for name in table.index}, key=_first_year)
    for place, table in enumerate(tables):
        color, _, marker = series(place)
        beside = (place - (len(tables) - 1) / 2) * 0.5 / len(tables)
        x = [names.index(name) + beside for name in table.index]
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
    """Marks that are hollow where they are of few `faces`."""
    fill = np.where(np.asarray(faces) < FEW, "none", color)
    axes.scatter(x, y, s=22, marker=marker, facecolors=fill, edgecolors=color, zorder=3)


def _in_percent(axis: Axis) -> None:
    axis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))


def _bands(evaluation: Evaluation, figure: str) -> pd.DataFrame:
    """The rows of a figure that are of age bands, by band."""
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
    """Words on each model, one after the other, with its name where there are several."""
    return " ".join(
        f"{evaluation.model}: {said}." if len(results.evaluations) > 1 else f"{said}."
        for evaluation, said in zip(results.evaluations, words, strict=True)
    )


def _of_model(results: Results, evaluation: Evaluation) -> str:
    return f": {evaluation.model}" if len(results.evaluations) > 1 else ""


def _correlation(true: np.ndarray, said: np.ndarray) -> str:
    if len(true) < 2 or not (np.ptp(true) and np.ptp(said)):
        return "unknown"
    return f"{np.corrcoef(true, said)[0, 1]:.2f}"


def _svg(draw: Callable[[Axes], None]) -> str:
    """What `draw` puts on a pair of axes, as an SVG element as wide as its place on the page.

    Its text is the page's, in font and colour.
    """
    with matplotlib.rc_context(_STYLE), io.StringIO() as file:
        figure = Figure(figsize=(4.2, 3.6), layout="constrained")
        draw(figure.subplots())
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(file, format="svg", transparent=True, metadata=nothing)
        text = file.getvalue()
    text = text[text.index("<svg") :].replace(_INK, "currentColor")
    text = re.sub(r"^<svg[^>]*(viewBox=\"[^\"]*\")[^>]*>", r'<svg \1 aria-hidden="true">', text)
    return re.sub(r'<g id="[^"]*"', "<g", text)
