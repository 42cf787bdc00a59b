"""Labels, estimates and metrics of an evaluation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ..estimation.estimator import Estimates

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Labels:
    """Labels of N faces.

    names: of their pictures.
    gender: float64 (N,), 0 female, 1 male, NaN where unknown.
    age_low, age_high: float64 (N,), years, inclusive, NaN where unknown.
    age_std: float64 (N,), standard deviation in years of the ratings behind a mean age; None if
        ages are not means of ratings.
    columns: further labels by kind ("group", "source", "expression", ...), str (N,), "" where
        unknown. For audits only, never predicted.
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
    """Results of one model.

    model: its name in tables.
    rows: int64 (M,), the evaluated rows of the labels: all rows that have a face.
    estimates: of these rows.
    measures: of these rows, float64 (M,) by name, see `figures.measure`.
    figures: one row per slice and metric, columns `slice`, `figure`, `value`, `low`, `high` (the
        95 % bootstrap interval) and `n` (number of faces).
    worst, worst_faces: int64 (W,), positions in `rows` of the largest errors, largest first, and
        their faces, uint8 (W, S, S, 3), BGR.
    left_out: name and reason of each row without a face.
    baseline: the constant prediction for the metrics named `baseline_...`, and its source.
    collections: use of each source in the model's training, see `models.seen.use_of`.
    calibration: description of the faces for temperature scaling; "" without it.
    """

    model: str
    rows: np.ndarray
    estimates: Estimates
    measures: dict[str, np.ndarray]
    figures: pd.DataFrame
    worst: np.ndarray
    worst_faces: np.ndarray
    left_out: list[tuple[str, str]] = field(default_factory=list)
    baseline: str = ""
    collections: dict[str, str] = field(default_factory=dict)
    calibration: str = ""

    @property
    def error(self) -> np.ndarray:
        """Age errors, float64 (M,), years, signed, see `labels.age_errors`."""
        return self.measures["error"]


@dataclass(frozen=True)
class Results:
    """An evaluation of one or several models on the same labelled faces.

    comparisons: differences between models by paired bootstrap, columns `models` ("a - b"),
        `slice`, `figure`, `difference`, `low`, `high`, `n`; empty for one model.
    arguments: of the run, and the toolkit's version.  notes: warnings, one line each.
    """

    labels: Labels
    evaluations: list[Evaluation]
    comparisons: pd.DataFrame
    arguments: dict
    notes: list[str] = field(default_factory=list)
