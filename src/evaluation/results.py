"""What an evaluation found: the labels, what each model said, and the figures that follow."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from src.estimation.estimator import Estimates

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Labels:
    """What is known of N faces.

    names: their pictures' names.
    gender: float64 (N,), 0 female, 1 male, NaN where unknown.
    age_low, age_high: float64 (N,), years, inclusive, NaN where unknown.
    age_std: float64 (N,), standard deviation of the ratings that the age is the mean of, in years;
        None where the age is no mean of ratings.
    columns: further labels by what they are ("group", "source", "expression", ...), str (N,), ""
        where unknown. Audits go by them, predictions never.
    """

    names: list[str]
    gender: np.ndarray
    age_low: np.ndarray
    age_high: np.ndarray
    age_std: np.ndarray | None = None
    columns: dict[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True)
class Evaluation:
    """What one model said of the labelled faces.

    model: its name in tables.
    rows: int64 (M,), the rows of the labels that it was shown (all, but where no face was found).
    estimates: of these rows.
    error: float64 (M,), years, signed: the estimated age less the nearest end of the label's
        range, 0 within it, NaN where the age is unknown.
    figures: one row a slice and figure, columns `slice`, `figure`, `value`, `low`, `high` (the 95 %
        bootstrap interval) and `n` (the faces that the figure is of).
    worst, worst_faces: int64 (W,), positions in `rows` of the largest errors, largest first, and
        their faces, uint8 (W, S, S, 3), BGR.
    left_out: name and reason of the faces that it could not be shown.
    baseline: what the figures named `baseline_...` are of, in words: the age and the gender that
        are said of every face, and where they come from.
    """

    model: str
    rows: np.ndarray
    estimates: Estimates
    error: np.ndarray
    figures: pd.DataFrame
    worst: np.ndarray
    worst_faces: np.ndarray
    left_out: list[tuple[str, str]] = field(default_factory=list)
    baseline: str = ""


@dataclass(frozen=True)
class Results:
    """An evaluation of one or several models on the same labelled faces.

    comparisons: differences between models by paired bootstrap, columns `models` ("a - b"),
        `slice`, `figure`, `difference`, `low`, `high`, `n`; empty where there is one model.
    arguments: what the run was told, and the toolkit's version.  notes: warnings, one line each.
    """

    labels: Labels
    evaluations: list[Evaluation]
    comparisons: pd.DataFrame
    arguments: dict
    notes: list[str] = field(default_factory=list)
