"""Labels, estimates and metrics of an evaluation."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from ..estimation.estimator import Estimates
from ..labels import GENDERS

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Labels:
    """Labels of N faces.

    names: of their images.
    gender: float64 (N,), 0 female, 1 male, NaN where unknown.
    age_low, age_high: float64 (N,), years, inclusive, NaN where unknown.
    age_std: float64 (N,), standard deviation in years of the ratings behind a mean age; None if
        ages are not means of ratings.
    person: str (N,), the same for all images of one person, "" where unknown; None if no person is
        known.
    columns: further labels by kind ("group", "source", "expression", ...), str (N,), "" where
        unknown. For audits only, never predicted.
    """

    names: list[str]
    gender: np.ndarray
    age_low: np.ndarray
    age_high: np.ndarray
    age_std: np.ndarray | None = None
    person: np.ndarray | None = None
    columns: dict[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.names)

    def of_faces(self, rows: np.ndarray) -> Labels:
        """The labels of `rows`, int64 (n,)."""
        return replace(
            self,
            names=[self.names[row] for row in rows],
            gender=self.gender[rows],
            age_low=self.age_low[rows],
            age_high=self.age_high[rows],
            age_std=None if self.age_std is None else self.age_std[rows],
            person=None if self.person is None else self.person[rows],
            columns={name: values[rows] for name, values in self.columns.items()},
        )

    def units(self) -> np.ndarray:
        """The unit that each face is resampled with, int64 (N,): its person, or itself."""
        if self.person is None:
            return np.arange(len(self))
        _, person = np.unique(self.person, return_inverse=True)
        return np.where(self.person == "", len(self) + np.arange(len(self)), person)


@dataclass(frozen=True)
class Baseline:
    """A constant prediction.

    age: years, the median, which has the smallest MAE.  gender: 0 or 1.  Either is NaN if unknown.
    source: the faces of the median age and the majority gender.
    """

    age: float
    gender: float
    source: str

    def __str__(self) -> str:
        """Its name in the table of metrics."""
        parts = [] if np.isnan(self.age) else [f"{self.age:g} years"]
        parts += [] if np.isnan(self.gender) else [GENDERS[int(self.gender)]]
        return f"baseline: {', '.join(parts)} ({self.source})"


@dataclass(frozen=True)
class Evaluation:
    """Results of one model.

    model: its name in tables.
    labels: of the evaluated faces, all that were found: `rows`, int64 (M,), of `Results.labels`.
    estimates: of these faces.
    measures: of these faces, float64 (M,) by name, see `measures.measure`.
    error: float64 (M,), years, signed, see `labels.age_errors`.
    worst, worst_faces: int64 (W,), positions in `rows` of the largest errors, largest first, and
        their faces, uint8 (W, S, S, 3), BGR.
    skipped: name and reason of each row without a face.
    uses: the use of each source in the model's training, see `models.seen.use_of`.
    calibration: description of the faces for temperature scaling; "" without it.
    """

    model: str
    labels: Labels
    rows: np.ndarray
    estimates: Estimates
    measures: dict[str, np.ndarray]
    error: np.ndarray
    worst: np.ndarray
    worst_faces: np.ndarray
    baseline: Baseline
    skipped: list[tuple[str, str]] = field(default_factory=list)
    uses: dict[str, str] = field(default_factory=dict)
    calibration: str = ""


@dataclass(frozen=True)
class Results:
    """An evaluation of one or several models on the same labelled faces.

    table: one row per model, subgroup and metric, columns `model`, `subgroup`, `metric`, `value`,
        `low`, `high` (the 95 % interval) and `n` (number of faces). Rows of the constant baselines
        and of differences between models have their names as `model`.
    differences: the two models, the second less the first, of each difference, by name.
    arguments: of the run, and the toolkit's version.  notes: warnings, one line each.
    """

    labels: Labels
    evaluations: list[Evaluation]
    table: pd.DataFrame
    differences: dict[str, tuple[str, str]]
    arguments: dict
    notes: list[str] = field(default_factory=list)

    @property
    def models(self) -> list[str]:
        return [evaluation.model for evaluation in self.evaluations]
