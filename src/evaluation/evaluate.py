"""Labelled faces and models in, what the models said and how good it was out."""

from dataclasses import fields
from pathlib import Path

import numpy as np
import pandas as pd

from src import __version__
from src.data.split import Split, read_split
from src.errors import UserError
from src.estimation.estimator import Estimates, Estimator
from src.estimation.shipped import shipped_weights
from src.evaluation.compare import COLUMNS, compare
from src.evaluation.figures import baseline, figures, measure
from src.evaluation.labelled import Labelled, select
from src.evaluation.results import Evaluation, Labels, Results
from src.evaluation.slices import ALL, CROSS, slices
from src.models.description import Description
from src.progress import Progress

WORST = 24  # faces
_FACES_AT_ONCE = 256


def load_models(
    weight_files: list[Path | None],
    depth: int,
    width: int,
    runtime: str | None = None,
    img_size: int | None = None,
) -> dict[str, Estimator]:
    """The models of weight files, see `Estimator`, by as much of the path as they differ in."""
    paths = [path or shipped_weights() for path in weight_files]
    if len(set(paths)) < len(paths):
        raise UserError(
            f"--weight_file: expected different models, received {', '.join(map(str, paths))}"
        )
    parts, shown = [path.absolute().parts for path in paths], 1
    while len({part[-shown:] for part in parts}) < len(parts):
        shown += 1
    names = [str(Path(*part[-shown:])) for part in parts]
    return {
        name: Estimator(path, depth, width, runtime, img_size)
        for name, path in zip(names, paths, strict=True)
    }


def part_split(models: dict[str, Estimator], part: str) -> tuple[Split | None, list[str]]:
    """The split that defines `part`, of the first model's run, and notes on the other models.

    None for the part "all". Raises `UserError` if the first model has no split, or another one was
    trained with a different split.
    """
    if part == "all":
        return None, []
    (first, estimator), *rest = models.items()
    split = model_split(estimator.description, f"--part {part}")
    notes = []
    for name, other in rest:
        own = read_split(other.description.split)
        if own is None:
            notes.append(f"{name} has no split: faces of the {part} part may be among those it saw")
        elif own != split:
            raise UserError(
                f"--part {part}: expected models of one split, {first} and {name} have different "
                "ones; evaluate them one by one"
            )
    return split, notes


def model_split(description: Description, flag: str) -> Split:
    """The split of a model's run; `UserError` naming `flag` if the model has none."""
    split = read_split(description.split)
    if split is None:
        raise UserError(
            f"{flag}: expected a weight file with its split, as train.py writes; this one has "
            "none, so that the faces it was trained on are unknown; use --part all"
        )
    return split


def evaluate(
    faces: Labelled,
    models: dict[str, Estimator],
    seed: int = 0,
    resamples: int = 1000,
    arguments: dict | None = None,
) -> Results:
    """What `models` say of labelled faces, with all figures; the first is compared with the others.

    arguments: what the run was told, to be kept with the results.
    Raises `UserError` where no face can be shown to a model.
    """
    if seed < 0:
        raise UserError(f"--seed: expected 0 or more, received {seed}")
    notes = list(faces.notes)
    for name, estimator in models.items():
        notes += [f"{name}: {note}" for note in faces.check(estimator)]
    said = [_evaluate(faces, *model, seed, resamples) for model in models.items()]
    evaluations, measures = zip(*said, strict=True)
    return Results(
        labels=faces.labels,
        evaluations=list(evaluations),
        comparisons=_compare(faces.labels, evaluations, measures, seed, resamples),
        arguments={"version": __version__, **(arguments or {}), "models": _about(models)},
        notes=notes,
    )


def _about(models: dict[str, Estimator]) -> dict[str, dict]:
    """The faces that each model takes."""
    return {
        name: {"margin": model.margin, "align": model.align, "img_size": model.img_size}
        for name, model in models.items()
    }


def _evaluate(
    faces: Labelled, name: str, estimator: Estimator, seed: int, resamples: int
) -> tuple[Evaluation, dict[str, np.ndarray]]:
    """What one model says, and the measures that its figures are computed from."""
    rows, estimates, left_out = estimate(faces, estimator)
    labels = select(faces.labels, rows)
    always = baseline(estimator.description.training, labels)
    measures = measure(labels, estimates, always)
    worst = _worst(measures["error"])
    evaluation = Evaluation(
        model=name,
        rows=rows,
        estimates=estimates,
        error=measures["error"],
        figures=figures(measures, slices(labels), seed, resamples),
        worst=worst,
        worst_faces=faces.read(rows[worst], estimator)[0],
        left_out=left_out,
        baseline=str(always),
    )
    return evaluation, measures


def estimate(
    faces: Labelled, estimator: Estimator
) -> tuple[np.ndarray, Estimates, list[tuple[str, str]]]:
    """Rows that have a face, int64 (M,), what the model says of them, and the others' names and
    reasons. The faces are read in bounded pieces."""
    count, found, left_out, pieces = len(faces.labels), [], [], []
    with Progress(count, faces.unit) as progress:
        for start in range(0, count, _FACES_AT_ONCE):
            rows = np.arange(start, min(start + _FACES_AT_ONCE, count))
            read, reasons = faces.read(rows, estimator)
            for row, reason in zip(rows, reasons, strict=True):
                if reason:
                    left_out.append((faces.labels.names[row], reason))
                else:
                    found.append(row)
            pieces.append(estimator(read))
            progress.update(len(rows))
    if not found:
        name, reason = left_out[0]
        raise UserError(
            f"expected faces to evaluate, could read none of {count:,}; of the first, {name}: "
            f"{reason}"
        )
    joined = {
        column.name: np.concatenate([getattr(piece, column.name) for piece in pieces])
        for column in fields(Estimates)
    }
    return np.array(found), Estimates(**joined), left_out


def _worst(error: np.ndarray) -> np.ndarray:
    """Positions of the largest errors, (W,), largest first."""
    size = np.nan_to_num(np.abs(error), nan=-1)
    return np.argsort(-size, kind="stable")[: min(WORST, int((size > 0).sum()))]


def _compare(
    labels: Labels,
    evaluations: tuple[Evaluation, ...],
    measures: tuple[dict[str, np.ndarray], ...],
    seed: int,
    resamples: int,
) -> pd.DataFrame:
    """Every model but the first compared with it, on all faces and on the age bands."""
    tables = []
    first = evaluations[0]
    for evaluation, measured in zip(evaluations[1:], measures[1:], strict=True):
        both, here, there = np.intersect1d(evaluation.rows, first.rows, return_indices=True)
        pair = [
            {name: values[places] for name, values in of_model.items()}
            for of_model, places in ((measured, here), (measures[0], there))
        ]
        parts = {
            name: rows
            for name, rows in slices(select(labels, both)).items()
            if name == ALL or (name.startswith("age ") and CROSS not in name)
        }
        names = (evaluation.model, first.model)
        tables.append(compare(names, pair, parts, seed, resamples))
    return pd.concat(tables) if tables else pd.DataFrame(columns=COLUMNS)
