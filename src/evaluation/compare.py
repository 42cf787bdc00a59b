"""Paired comparisons of models."""

import numpy as np
import pandas as pd

from .bootstrap import Function, with_intervals
from .figures import bind
from .labelled import select
from .metrics import METRICS
from .results import Evaluation, Labels
from .slices import ALL, is_age_band, slices

COLUMNS = ["models", "slice", "figure", "difference", "low", "high", "n"]


def compare(
    labels: Labels, evaluations: list[Evaluation], seed: int, resamples: int
) -> pd.DataFrame:
    """Metrics of each further model minus those of the first, as in `Results.comparisons`.

    Metrics are computed on the faces that both models have, for all faces and per age band, with
    paired resamples.
    """
    first, *others = evaluations
    table = []
    for other in others:
        names = f"{other.model} - {first.model}"
        both, here, there = np.intersect1d(other.rows, first.rows, return_indices=True)
        for part, rows in slices(select(labels, both)).items():
            if part != ALL and not is_age_band(part):
                continue
            one, two = bind(other.measures, here[rows]), bind(first.measures, there[rows])
            for count, bound in one.items():
                differences = {
                    metric.name: _difference(bound[metric.name], two[count][metric.name])
                    for metric in METRICS
                    if metric.compared and metric.name in bound
                }
                found = with_intervals(differences, count, seed, resamples)
                table += [(names, part, figure, *found[figure], count) for figure in found]
    return pd.DataFrame(table, columns=COLUMNS)


def _difference(one: Function, two: Function) -> Function:
    return lambda weights: one(weights) - two(weights)
