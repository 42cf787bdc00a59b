"""The table of metrics: one row per model, subgroup and metric."""

from collections.abc import Iterator
from functools import partial

import numpy as np
import pandas as pd

from .intervals import Function, holm, p_value, share_interval, with_intervals
from .measures import errors
from .metrics import BY_NAME, METRICS, Metric, Share
from .results import Evaluation, Results
from .subgroups import ALL, is_age_band, subgroups

COLUMNS = ["model", "subgroup", "metric", "value", "low", "high", "n"]
_LEVEL = 0.05  # of significance, after correction


def metric_table(evaluation: Evaluation, seed: int, resamples: int) -> pd.DataFrame:
    """Metrics of a model by subgroup, with the columns `COLUMNS`; those without faces are
    omitted."""
    groups = subgroups(evaluation.labels)
    measures, units = evaluation.measures, evaluation.labels.units()
    return measures_table(evaluation.model, measures, groups, units, seed, resamples)


def baseline_table(evaluation: Evaluation, seed: int, resamples: int) -> pd.DataFrame:
    """Metrics of a model's constant baseline for all faces."""
    labels, constant = evaluation.labels, evaluation.baseline
    measures = errors(labels, constant.age, constant.gender)
    groups = {ALL: np.arange(len(labels))}
    return measures_table(str(constant), measures, groups, labels.units(), seed, resamples)


def measures_table(
    model: str,
    measures: dict[str, np.ndarray],
    groups: dict[str, np.ndarray],
    units: np.ndarray,
    seed: int,
    resamples: int,
) -> pd.DataFrame:
    """Rows of all metrics whose measures are known.

    measures: of N faces by name.  groups: rows, int64, of each subgroup.  units: see
        `with_intervals`.
    """
    table = []
    for subgroup, rows in groups.items():
        for faces, arrays in _known(measures, rows):
            functions = {name: partial(BY_NAME[name].function, *arrays[name]) for name in arrays}
            found = with_intervals(functions, units[faces], seed, resamples)
            for name, (value, *ends) in found.items():
                function = BY_NAME[name].function
                if isinstance(function, Share):
                    ends = share_interval(function, arrays[name], units[faces], tuple(ends))
                if not np.isnan(value):
                    table.append((model, subgroup, name, value, *ends, len(faces)))
    return pd.DataFrame(table, columns=COLUMNS)


def difference_table(
    name: str, model: Evaluation, first: Evaluation, seed: int, resamples: int
) -> pd.DataFrame:
    """Metrics of `model` less those of `first`, on the faces that both have, on paired resamples:
    the metrics of tables by subgroup, for all faces and by age band."""
    table = []
    _, here, there = np.intersect1d(model.rows, first.rows, return_indices=True)
    labels = model.labels.of_faces(here)
    measures = {
        place: {key: values[rows] for key, values in its.measures.items()}
        for place, its, rows in ((0, model, here), (1, first, there))
    }
    for subgroup, rows in subgroups(labels).items():
        if subgroup != ALL and not is_age_band(subgroup):
            continue
        for faces, arrays in _known(measures[0], rows):
            functions = {}
            for metric in map(BY_NAME.get, arrays):
                if metric.column:
                    others = [measures[1][need][faces] for need in metric.needs]
                    functions[metric.name] = _difference(metric, arrays[metric.name], others)
            found = with_intervals(functions, labels.units()[faces], seed, resamples)
            table += [(name, subgroup, each, *found[each], len(faces)) for each in found]
    return pd.DataFrame(table, columns=COLUMNS).dropna(subset="value")


def _difference(metric: Metric, one: list[np.ndarray], two: list[np.ndarray]) -> Function:
    return lambda weights: metric.function(*one, weights) - metric.function(*two, weights)


def _known(
    measures: dict[str, np.ndarray], rows: np.ndarray
) -> Iterator[tuple[np.ndarray, dict[str, list[np.ndarray]]]]:
    """The faces of `rows` that have the measures of some metrics, and these measures by metric."""
    found: dict[bytes, tuple[np.ndarray, dict]] = {}
    for metric in METRICS:
        if set(metric.needs) <= set(measures):
            arrays = np.array([measures[need][rows] for need in metric.needs])
            known = ~np.isnan(arrays).any(axis=0)
            if known.any():
                _, by_metric = found.setdefault(known.tobytes(), (rows[known], {}))
                by_metric[metric.name] = list(arrays[:, known])
    yield from found.values()


def better_models(results: Results) -> dict[tuple[str, str], str]:
    """The better model by difference and metric, for all faces, where it is significant.

    Holm's correction is for all of these comparisons; those of age bands are exploratory.
    """
    table = results.table[
        results.table["model"].isin(results.differences) & (results.table["subgroup"] == ALL)
    ]
    adjusted = holm(p_value(table["value"], table["low"], table["high"]).to_numpy())
    found = {}
    for row, p in zip(table.itertuples(), adjusted, strict=True):
        model, first = results.differences[row.model]
        better = BY_NAME[row.metric].better * np.sign(row.value)
        if p < _LEVEL and better:
            found[row.model, row.metric] = model if better > 0 else first
    return found
