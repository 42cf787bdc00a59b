"""Paired comparisons of two models."""

import numpy as np
import pandas as pd

from src.evaluation.bootstrap import Function, with_intervals
from src.evaluation.figures import bind
from src.evaluation.metrics import METRICS

COLUMNS = ["models", "slice", "figure", "difference", "low", "high", "n"]


def compare(
    names: tuple[str, str],
    measures: tuple[dict[str, np.ndarray], dict[str, np.ndarray]],
    slices: dict[str, np.ndarray],
    seed: int,
    resamples: int,
) -> pd.DataFrame:
    """Metrics of the first model minus those of the second, as in `Results.comparisons`.

    measures: per model, for the same faces, which are resampled jointly.
    """
    table = []
    for name, rows in slices.items():
        one, other = (bind({key: values[rows] for key, values in m.items()}) for m in measures)
        for count, bound in one.items():
            differences = {
                metric.name: _difference(bound[metric.name], other[count][metric.name])
                for metric in METRICS
                if metric.compared and metric.name in bound
            }
            found = with_intervals(differences, count, seed, resamples)
            table += [(" - ".join(names), name, figure, *found[figure], count) for figure in found]
    return pd.DataFrame(table, columns=COLUMNS)


def _difference(one: Function, other: Function) -> Function:
    return lambda weights: one(weights) - other(weights)
