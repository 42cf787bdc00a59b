"""Labels, estimates and metrics of an evaluation."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ..estimation.estimator import Estimates
from ..labels import GENDERS

LABELS = ["path", "row", "person", "age_low", "age_high", "age_std", "gender"]


def labels_table(
    path: list[str],
    gender: np.ndarray,
    age_low: np.ndarray,
    age_high: np.ndarray,
    **columns: np.ndarray,
) -> pd.DataFrame:
    """Labels of N faces, one row per face, with the columns `LABELS` and kinds of subgroups.

    Args:
        path: of the images.
        gender: float64 (N,), 0 female, 1 male, NaN where unknown.
        age_low, age_high: float64 (N,), years, inclusive, NaN where unknown.
        columns: `row`, int64 (N,), the position in the database or label file; `person`, str (N,),
            the same for all images of one person, "" where unknown; `age_std`, float64 (N,), the
            standard deviation in years of the ratings behind a mean age; and kinds of subgroups
            ("group", "source", "expression", ...), str (N,), "" where unknown. These are for audits
            only, never predicted.
    """
    optional = {"row": np.arange(len(path)), "person": "", "age_std": np.nan}
    labels = {"path": path, "age_low": age_low, "age_high": age_high, "gender": gender}
    table = pd.DataFrame(labels | optional | columns)
    return table[[*LABELS, *table.columns.drop(LABELS)]]


def units(labels: pd.DataFrame) -> np.ndarray:
    """The unit that each face is resampled with, int64 (N,): its person, or itself if unknown."""
    person = labels.groupby("person").ngroup()
    return np.where(labels["person"] == "", len(labels) + np.arange(len(labels)), person)


def gender_names(gender: np.ndarray) -> np.ndarray:
    """ "female", "male", or "" for genders 0, 1 and NaN, str (N,)."""
    return np.array([*GENDERS, ""])[np.nan_to_num(gender, nan=len(GENDERS)).astype(int)]


@dataclass(frozen=True)
class Evaluation:
    """Results of one model.

    model, baseline: names of the model and of its constant baseline in tables.
    labels: of the M faces that were found, with their index in `Results.labels`.
    estimates: of these faces.
    measures: of these faces, see `measures.measure`.
    skipped: name and reason of each image without a face.
    """

    model: str
    baseline: str
    labels: pd.DataFrame
    estimates: Estimates
    measures: pd.DataFrame
    skipped: list[tuple[str, str]]

    @property
    def uses(self) -> dict[str, str]:
        """The use of each source in the model's training, see `models.seen.use_of`."""
        return self.labels.groupby("source", sort=False)["use"].first().to_dict()


@dataclass(frozen=True)
class Results:
    """An evaluation of one or several models on the same labelled faces.

    table: one row per model, subgroup and metric, columns `model`, `subgroup`, `metric`, `value`,
        `low`, `high` (the 95 % interval) and `n` (number of faces). Rows of the constant baselines
        and of differences between models have their names as `model`.
    arguments: of the run, and the toolkit's version.  notes: warnings, one line each.
    """

    labels: pd.DataFrame
    evaluations: list[Evaluation]
    table: pd.DataFrame
    arguments: dict
    notes: list[str] = field(default_factory=list)

    @property
    def models(self) -> list[str]:
        return [evaluation.model for evaluation in self.evaluations]

    @property
    def differences(self) -> dict[str, tuple[str, str]]:
        """The two models, the second less the first, of each difference, by its name."""
        first, *others = self.models
        return {f"{model} - {first}": (model, first) for model in others}
