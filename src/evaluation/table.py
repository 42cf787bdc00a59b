"""The table of metrics: one row per model, subgroup and metric."""

from collections.abc import Iterable
from functools import partial

import numpy as np
import pandas as pd

from .intervals import holm, p_value, share_interval, with_intervals
from .metrics import BY_NAME, METRICS, Metric, Share
from .results import Evaluation, Results
from .subgroups import ALL, is_age_band, subgroups

COLUMNS = ["model", "subgroup", "metric", "value", "low", "high", "n"]
_LEVEL = 0.05  # of significance, after correction


def difference_table(
    name: str, model: Evaluation, first: Evaluation, seed: int, resamples: int
) -> pd.DataFrame:
    """Metrics of `model` less those of `first`, on the faces that both have, on paired resamples:
    the metrics of tables by subgroup, for all faces and by age band."""
    shared = model.labels.index.intersection(first.labels.index)
    groups = subgroups(model.labels.loc[shared])
    groups = {each: rows for each, rows in groups.items() if each == ALL or is_age_band(each)}
    measures, subtracted = (each.measures.loc[shared] for each in (model, first))
    return measures_table(name, measures, groups, seed, resamples, subtracted)


def measures_table(
    model: str,
    measures: pd.DataFrame,
    groups: dict[str, np.ndarray],
    seed: int,
    resamples: int,
    subtracted: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Rows of all metrics that are known, with the columns `COLUMNS`.

    Args:
        model: name for the column `model`.
        measures: of N faces, see `measures.measure`.
        groups: positions, int64, of each subgroup.
        seed, resamples: of the bootstrap.
        subtracted: measures of another model on the same faces, whose metrics are subtracted.
    """
    table = []
    for subgroup, rows in groups.items():
        for faces, metrics in _by_known_faces(measures, rows):
            functions, own = {}, measures["unit"].to_numpy()[faces]
            for metric in metrics:
                arrays = measures[metric.needs].to_numpy()[faces].T
                functions[metric.name] = partial(metric.function, *arrays)
                if subtracted is not None:
                    others = subtracted[metric.needs].to_numpy()[faces].T
                    functions[metric.name] = partial(_difference, metric, arrays, others)
            found = with_intervals(functions, own, seed, resamples)
            for metric in metrics:
                value, *ends = found[metric.name]
                if isinstance(metric.function, Share) and subtracted is None:
                    arrays = functions[metric.name].args
                    ends = share_interval(metric.function, arrays, own, tuple(ends))
                if metric.column or subtracted is None:
                    table.append((model, subgroup, metric.name, value, *ends, len(faces)))
    return pd.DataFrame(table, columns=COLUMNS).dropna(subset="value")


def _difference(
    metric: Metric, one: np.ndarray, two: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    return metric.function(*one, weights) - metric.function(*two, weights)


def _by_known_faces(
    measures: pd.DataFrame, rows: np.ndarray
) -> Iterable[tuple[np.ndarray, list[Metric]]]:
    """Metrics by the faces of `rows` that have all of their measures: they share resamples."""
    found: dict[bytes, tuple[np.ndarray, list[Metric]]] = {}
    for metric in METRICS:
        if set(metric.needs) <= set(measures):
            known = ~np.isnan(measures[metric.needs].to_numpy()[rows]).any(axis=1)
            if known.any():
                found.setdefault(known.tobytes(), (rows[known], []))[1].append(metric)
    return found.values()


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
