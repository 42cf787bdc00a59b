"""Predictions of faces as a CSV file, one row per model and face."""

from pathlib import Path

import numpy as np
import pandas as pd

from ..estimation.estimator import Estimates
from ..files import replacing, wrap_read_errors
from ..labels import AGES
from .measures import measure
from .results import LABELS, gender_names

MARK = b"model,path,row"  # the first columns
_LABELS = ["model", "path", "row", "person", "age_low", "age_high", "gender"]
_ESTIMATES = ["est_age", "low", "high", "est_gender", "p_female"]
_PROBABILITIES = [f"p{age}" for age in AGES]


def write_predictions(path: Path, models: list[tuple[str, pd.DataFrame, Estimates]]) -> None:
    """Write the name, labels and estimates of each model to `path`, atomically.

    Columns: `model`, `path`, `row`, `person`, `age_low`, `age_high`, `gender`, `est_age`, `low`,
    `high` (years), `est_gender`, `p_female`, kinds of subgroups, `p0` to `p100`.
    """
    tables = []
    for model, labels, estimates in models:
        table = labels.assign(model=model, gender=gender_names(labels["gender"]))
        found = measure(labels, estimates)[_ESTIMATES]
        ages = pd.DataFrame(estimates.age_distribution, labels.index, _PROBABILITIES)
        kinds = labels.columns.drop(LABELS)
        tables.append(pd.concat([table[_LABELS], found, labels[kinds], ages], axis=1))
    text = {"float_format": "%.6g", "encoding": "utf-8", "errors": "backslashreplace"}
    with replacing(path) as partial:
        pd.concat(tables).to_csv(partial, index=False, **text)


def read_predictions(path: Path) -> tuple[pd.DataFrame, Estimates]:
    """The labels in a file of `write_predictions`, and the estimates, from the probabilities.

    Raises `UserError` if it is another file.
    """
    with wrap_read_errors(path, "a file of predictions"):
        table = pd.read_csv(path, keep_default_na=False, na_values={"age_low": "", "age_high": ""})
        ages, labels = table[_PROBABILITIES].to_numpy(np.float32), table[["source", *_LABELS]]
        return labels, Estimates.of(table["p_female"].to_numpy(np.float32), ages)
