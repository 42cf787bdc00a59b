"""Predictions of faces as a CSV file, one row per model and face."""

from pathlib import Path

import numpy as np
import pandas as pd

from ..errors import UserError
from ..estimation.estimator import Estimates
from ..files import replacing, wrap_read_errors
from ..labels import AGES, GENDERS
from .results import Labels

MARK = b"model,path,row"  # the first columns
_PROBABILITIES = [f"p{age}" for age in AGES]


def write_predictions(path: Path, rows: list[tuple[str, np.ndarray, Labels, Estimates]]) -> None:
    """Write predictions to `path`, see `predictions_table`, atomically."""
    table = pd.concat([predictions_table(*each) for each in rows])
    with replacing(path) as partial:
        table.to_csv(
            partial, index=False, float_format="%.6g", encoding="utf-8", errors="backslashreplace"
        )


def predictions_table(
    model: str, rows: np.ndarray, labels: Labels, estimates: Estimates
) -> pd.DataFrame:
    """One row per face: label, estimate, interval, subgroups and probabilities.

    rows: int64 (N,), of the faces in what was read.  labels, estimates: of these faces.
    Columns: `model`, `path`, `row`, `person`, `age_low`, `age_high`, `gender`, `est_age`, `low`,
    `high` (years), `est_gender`, `p_female`, the labels' further columns, `p0` to `p100`.
    """
    names = np.array([*GENDERS, ""])
    return pd.DataFrame(
        {
            "model": model,
            "path": labels.names,
            "row": rows,
            "person": "" if labels.person is None else labels.person,
            "age_low": labels.age_low,
            "age_high": labels.age_high,
            "gender": names[np.nan_to_num(labels.gender, nan=2).astype(int)],
            "est_age": estimates.age,
            "low": estimates.age_low,
            "high": estimates.age_high,
            "est_gender": names[estimates.gender],
            "p_female": estimates.p_female,
            **labels.columns,
            **dict(zip(_PROBABILITIES, estimates.age_distribution.T, strict=True)),
        }
    )


def read_predictions(path: Path) -> tuple[pd.DataFrame, Estimates]:
    """The rows of a file of `write_predictions`, and their estimates, from the probabilities.

    Raises `UserError` if it is another file.
    """
    with wrap_read_errors(path, "a file of predictions"):
        table = pd.read_csv(path, keep_default_na=False, na_values={"age_low": "", "age_high": ""})
    missing = [name for name in ("path", "row", "source", "p_female", "p100") if name not in table]
    if missing:
        raise UserError(f"{path}: expected a file of predictions, it has no column {missing[0]}")
    ages = table[_PROBABILITIES].to_numpy(np.float32)
    p_female = table["p_female"].to_numpy(np.float32)
    return table.drop(columns=_PROBABILITIES), Estimates.of(p_female, ages)
