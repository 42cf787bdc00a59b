"""Evaluation of models on labelled faces."""

from contextlib import closing
from dataclasses import asdict, fields, replace
from pathlib import Path

import numpy as np
import pandas as pd

from .. import __version__
from ..errors import UserError
from ..estimation.estimator import Estimates, Estimator
from ..labels import age_errors
from ..models.description import Description, Original
from ..models.seen import TRAINED_ON, UNKNOWN
from ..progress import Progress
from ..shipped import resolve_weights
from .labelled import EvaluationSet
from .measures import baseline, measure
from .results import Evaluation, Labels, Results
from .subgroups import USE
from .table import baseline_table, difference_table, metric_table

WORST = 24  # faces


def load_models(
    weight_files: list[Path | None],
    runtime: str | None = None,
    original: Original = Original(),
) -> dict[str, Estimator]:
    """Models by name, the shortest distinct ends of their paths; see `Estimator`."""
    paths = [resolve_weights(path) for path in weight_files]
    if len(set(paths)) < len(paths):
        raise UserError(
            f"--weight_file: expected different models, received {', '.join(map(str, paths))}"
        )
    parts, shown = [path.absolute().parts for path in paths], 1
    while len({part[-shown:] for part in parts}) < len(parts):
        shown += 1
    names = [str(Path(*part[-shown:])) for part in parts]
    return {
        name: Estimator(path, runtime, original) for name, path in zip(names, paths, strict=True)
    }


def check_unseen(
    models: dict[str, Estimator], faces: EvaluationSet, flag: str, remedy: str
) -> list[str]:
    """Notes on models that may have been trained on the faces.

    Raises `UserError`, naming `flag` and the remedy, if a model was trained on some.
    """
    notes = []
    for name, model in models.items():
        uses = faces.uses(model.description)
        trained = [source for source, use in uses.items() if use == TRAINED_ON]
        if trained:
            raise UserError(
                f"{flag}: {name} was trained on some of these faces of {' and '.join(trained)}; "
                f"{remedy}"
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
) -> Results:
    """Estimates and metrics of `models` on labelled faces; each model is compared with the first.

    arguments: of the run, stored with the results.
    Raises `UserError` if no face can be read.
    """
    notes = list(faces.notes)
    for name, estimator in models.items():
        notes += [f"{name}: {note}" for note in faces.check(estimator)]
    evaluations = [_evaluate(faces, name, estimator) for name, estimator in models.items()]
    first, *others = evaluations
    differences = {f"{one.model} - {first.model}": one for one in others}
    tables = [metric_table(one, seed, resamples) for one in evaluations]
    tables += [baseline_table(one, seed, resamples) for one in evaluations]
    tables += [
        difference_table(name, one, first, seed, resamples) for name, one in differences.items()
    ]
    table = pd.concat(tables, ignore_index=True)
    crops = {name: asdict(model.crop) for name, model in models.items()}
    return Results(
        labels=faces.labels,
        evaluations=evaluations,
        table=table.drop_duplicates(["model", "subgroup", "metric"]),
        differences={name: (one.model, first.model) for name, one in differences.items()},
        arguments={"version": __version__, **(arguments or {}), "models": crops},
        notes=notes,
    )


def _evaluate(faces: EvaluationSet, name: str, estimator: Estimator) -> Evaluation:
    rows, estimates, skipped = estimate(faces, estimator)
    uses = faces.uses(estimator.description)
    labels = with_uses(faces.labels.of_faces(rows), uses)
    error = age_errors(estimates.age, labels.age_low, labels.age_high)
    worst = _worst(error)
    return Evaluation(
        model=name,
        labels=labels,
        rows=rows,
        estimates=estimates,
        measures=measure(labels, estimates),
        error=error,
        worst=worst,
        worst_faces=faces.read(rows[worst], estimator)[0],
        skipped=skipped,
        baseline=baseline(estimator.description.training, labels),
        uses=uses,
        calibration=_calibration(estimator.description),
    )


def _calibration(description: Description) -> str:
    done = description.calibration
    if not done:
        return ""
    of = f" of {', '.join(done['collections'])}" if "collections" in done else ""
    return f"temperatures fitted on {done['faces']:,} faces{of}"


def with_uses(labels: Labels, uses: dict[str, str]) -> Labels:
    """Labels with the column "use": the use of each face's source in training."""
    if not uses:
        return labels
    column = np.array([uses[source] for source in labels.columns["source"]], str)
    return replace(labels, columns={USE: column, **labels.columns})


def estimate(
    faces: EvaluationSet, estimator: Estimator
) -> tuple[np.ndarray, Estimates, list[tuple[str, str]]]:
    """Rows with a face, int64 (M,), their estimates, and name and reason of each other row."""
    count, found, skipped, pieces = len(faces.labels), [], [], []
    with Progress(count, faces.unit) as progress, closing(faces.batches(estimator)) as batches:
        for read, reasons in batches:
            for row, reason in enumerate(reasons, len(found) + len(skipped)):
                if reason:
                    skipped.append((faces.labels.names[row], reason))
                else:
                    found.append(row)
            pieces.append(estimator(read))
            progress.update(len(reasons))
    if not found:
        name, reason = skipped[0]
        raise UserError(
            f"expected faces to evaluate, could read none of {count:,}; of the first, {name}: "
            f"{reason}"
        )
    joined = {
        column.name: np.concatenate([getattr(piece, column.name) for piece in pieces])
        for column in fields(Estimates)
    }
    return np.array(found), Estimates(**joined), skipped


def _worst(error: np.ndarray) -> np.ndarray:
    """Positions of the largest errors, (W,), largest first."""
    size = np.nan_to_num(np.abs(error), nan=-1)
    return np.argsort(-size, kind="stable")[: min(WORST, int((size > 0).sum()))]
