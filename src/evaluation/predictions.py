"""Predictions of faces as a CSV file, one row per model and face."""

from pathlib import Path

import numpy as np
import pandas as pd

from ..errors import UserError
from ..estimation.estimator import Estimates
from ..files import replacing, wrap_read_errors
from ..labels import AGES
from .results import LABELS, gender_names

MARK = b"model,path,row"  # the first columns
_PROBABILITIES = [f"p{age}" for age in AGES]


def write_predictions(path: Path, models: list[tuple[str, pd.DataFrame, Estimates]]) -> None:
    """Write the name, labels and estimates of each model to `path`, atomically.

    Columns: `model`, `path`, `row`, `person`, `age_low`, `age_high`, `gender`, `est_age`, `low`,
    `high` (years), `est_gender`, `p_female`, kinds of subgroups, `p0` to `p100`.
    """
    table = pd.concat([_predictions(*each) for each in models])
    with replacing(path) as partial:
        table.to_csv(
            partial, index=False, float_format="%.6g", encoding="utf-8", errors="backslashreplace"
        )


def _predictions(model: str, labels: pd.DataFrame, estimates: Estimates) -> pd.DataFrame:
    kinds = labels.columns.drop(list(LABELS))
    table = labels.drop(columns=["age_std", *kinds]).assign(
        gender=gender_names(labels["gender"]),
        est_age=estimates.age,
        low=estimates.age_low,
        high=estimates.age_high,
        est_gender=gender_names(estimates.gender),
        p_female=estimates.p_female,
        **labels[kinds],
    )
    table.insert(0, "model", model)
    ages = pd.DataFrame(estimates.age_distribution, table.index, _PROBABILITIES)
    return table.join(ages)


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
