"""Evaluation of models on labelled faces."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from .. import __version__
from ..errors import UserError
from ..estimation.estimator import Estimates, Estimator
from ..models.description import Description, Original
from ..models.seen import TRAINED_ON, UNKNOWN
from ..progress import Progress
from ..shipped import resolve_weights
from .intervals import share_interval, with_intervals
from .labelled import EvaluationSet
from .measures import baseline, measure
from .metrics import METRICS, Metric, Share
from .results import Evaluation, Results
from .subgroups import ALL, USE, kind_of, subgroups

COLUMNS = ["model", "subgroup", "metric", "value", "low", "high", "n"]
BATCH = 4096  # faces read at a time
_NAMED = 20  # images without a face in a note
Found = tuple[pd.DataFrame, Estimates, list[tuple[str, str]]]


def load_models(
    weight_files: Sequence[Path | None],
    runtime: str | None = None,
    original: Original = Original(),
) -> dict[str, Estimator]:
    """Models, see `Estimator`, by file name, or by path if file names repeat; by default the
    shipped one."""
    paths = [resolve_weights(path) for path in weight_files or [None]]
    if len(set(paths)) < len(paths):
        raise UserError(
            f"--weight_file: expected different models, received {', '.join(map(str, paths))}"
        )
    names = [path.name for path in paths]
    names = names if len(set(names)) == len(names) else [*map(str, paths)]
    return {
        name: Estimator(path, runtime, original) for name, path in zip(names, paths, strict=True)
    }


def check_unseen(
    descriptions: dict[str, Description | None], faces: EvaluationSet, flag: str, remedy: str
) -> list[str]:
    """Notes on models that may have been trained on the faces, by the models' names.

    Raises `UserError`, naming `flag` and the remedy, if a model was trained on some.
    """
    notes = []
    for name, description in descriptions.items():
        uses = faces.uses(description)
        trained = " and ".join(source for source, use in uses.items() if use == TRAINED_ON)
        if trained:
            raise UserError(
                f"{flag}: {name} was trained on some of these faces of {trained}; {remedy}"
            )
        if UNKNOWN in uses.values():
            notes.append(f"{name} may have been trained on these faces")
    return notes


def evaluate(
    faces: EvaluationSet,
    models: dict[str, Estimator],
    seed: int = 0,
    resamples: int = 1000,
    arguments: dict | None = None,
    found: dict[str, Found] | None = None,
) -> Results:
    """Estimates and metrics of `models` on labelled faces; each model is compared with the first.

    arguments: of the run, stored with the results.  found: of `estimate`, if it was called before.
    Raises `UserError` if no face can be read.
    """
    notes = list(faces.notes)
    for name, estimator in models.items():
        about = _calibration(estimator.description.calibration)
        notes += [f"{name}: {note}" for note in [*faces.check(estimator), *about]]
    evaluations, tables = [], []
    for name, estimator in models.items():
        labels, estimates, skipped = found[name] if found else estimate(faces, estimator)
        measures, groups = measure(labels, estimates), subgroups(labels)
        constant, its_measures = baseline(estimator.description.training, labels)
        evaluations.append(Evaluation(name, constant, labels, estimates, measures, skipped))
        tables.append(measures_table(name, measures, groups, seed, resamples))
        tables.append(measures_table(constant, its_measures, {ALL: groups[ALL]}, seed, resamples))
        notes += _skipped(skipped, len(faces.labels))
    first = evaluations[0]
    tables += [
        difference_table(f"{one.model} - {first.model}", one, first, seed, resamples)
        for one in evaluations[1:]
    ]
    table = pd.concat(tables).drop_duplicates(["model", "subgroup", "metric"], ignore_index=True)
    crops = {name: asdict(model.crop) for name, model in models.items()}
    arguments = {"version": __version__, **(arguments or {}), "models": crops}
    return Results(faces.labels, evaluations, table, arguments, list(dict.fromkeys(notes)))


def _calibration(done: dict | None) -> list[str]:
    """A note on `Description.calibration`."""
    of = f" of {', '.join(done['collections'])}" if done and "collections" in done else ""
    return [f"temperatures fitted on {done['faces']:,} faces{of}"] if done else []


def _skipped(skipped: list[tuple[str, str]], count: int) -> list[str]:
    """A note on images without a face, out of `count`."""
    named = [f"{name} ({reason})" for name, reason in skipped[:_NAMED]]
    listed = ", ".join(named + ["..."] * (len(skipped) > _NAMED))
    return [f"{len(skipped):,} of {count:,} images skipped: {listed}"] if skipped else []


def estimate(faces: EvaluationSet, estimator: Estimator) -> Found:
    """Labels of the rows with a face, with the column "use": the use of each face's source in the
    model's training; their estimates; and name and reason of each row without a face."""
    reasons, pieces, index = [], [], faces.labels.index
    with Progress(len(index), faces.unit) as progress:
        for start in range(0, len(index), BATCH):
            crops, own = faces.read(index[start : start + BATCH], estimator.crop)
            pieces.append(estimator(crops))
            reasons += own
            progress.update(len(own))
    is_skipped = np.array(reasons) != ""
    names = faces.labels["path"].to_numpy()
    skipped = [(names[row], reasons[row]) for row in np.flatnonzero(is_skipped)]
    if is_skipped.all():
        name, reason = skipped[0]
        raise UserError(
            f"expected faces to evaluate, could read none of {len(reasons):,}; of the first, "
            f"{name}: {reason}"
        )
    columns = zip(*(vars(piece).values() for piece in pieces), strict=True)
    estimates = Estimates(*map(np.concatenate, columns))
    use = faces.labels["source"].map(faces.uses(estimator.description))
    return faces.labels.assign(**{USE: use})[~is_skipped], estimates, skipped


def difference_table(
    name: str, model: Evaluation, first: Evaluation, seed: int, resamples: int
) -> pd.DataFrame:
    """Metrics of `model` less those of `first`, on the faces that both have, on paired resamples:
    the metrics of tables by subgroup, for all faces and by age band."""
    shared = model.labels.index.intersection(first.labels.index)
    groups = subgroups(model.labels.loc[shared])
    groups = {each: rows for each, rows in groups.items() if kind_of(each) in (ALL, "age")}
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
    table, models = [], [measures] if subtracted is None else [measures, subtracted]
    for subgroup, rows in groups.items():
        for faces, metrics in _by_known_faces(measures, rows):
            own = measures["unit"].to_numpy()[faces]
            arrays = {m: [each[m.needs].to_numpy()[faces].T for each in models] for m in metrics}
            functions = {m.name: partial(_value, m, inputs) for m, inputs in arrays.items()}
            found = with_intervals(functions, own, seed, resamples)
            for metric, inputs in arrays.items():
                value, *ends = found[metric.name]
                if isinstance(metric.function, Share):
                    ends = share_interval(metric.function, inputs, own, tuple(ends))
                if metric.column or subtracted is None:
                    table.append((model, subgroup, metric.name, value, *ends, len(faces)))
    return pd.DataFrame(table, columns=COLUMNS).dropna(subset="value")


def _value(metric: Metric, inputs: list[np.ndarray], weights: np.ndarray) -> np.ndarray:
    """A metric of one model, or of the first of two models less that of the second."""
    first, *others = (metric.function(*each, weights) for each in inputs)
    return first - others[0] if others else first


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
