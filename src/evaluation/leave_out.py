"""Databases that a network is trained without, and metrics per database."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from ..data.database import Database
from ..data.split import database_names, related
from ..errors import UserError
from ..estimation.estimator import Estimates, Estimator
from ..models.checkpoints import stored_description
from ..models.seen import TRAINED_ON, TRAINING, seen_in
from ..training.arguments import Arguments
from ..training.run import weight_files
from .evaluate import estimate
from .labelled import from_databases
from .measures import known_mean, measure
from .results import Labels


def without(arguments: Arguments, paths: dict[str, Path], left_out: str) -> Arguments:
    """The arguments of the run without one database, whose metrics are not monitored.

    paths: of all databases, by name.
    """
    others = {name: path for name, path in paths.items() if name != left_out}
    monitored = [
        f"{name}:{weight:g}"
        for name, weight in arguments.monitor_weights.items()
        if len(others) > 1 and not name.startswith(f"val_{left_out}_")
    ]
    return replace(
        arguments,
        input=list(others.values()),
        output_path=arguments.output_path / f"without_{left_out}",
        monitor=",".join(monitored) or f"val_{arguments.monitored_metric}",
        leave_out=None,
    )


def check_weights(arguments: Arguments, left_out: dict[str, Database]) -> None:
    """Raise `UserError` if initial weights or a teacher were trained on an omitted database."""
    for flag, path in weight_files(arguments).items():
        description = stored_description(path)
        for name, database in left_out.items() if description else ():
            trained = np.isin(seen_in([database], description), (TRAINING, TRAINED_ON)).sum()
            if trained:
                raise UserError(
                    f"{flag}: expected weights that never saw {name}, which is left out; {path} "
                    f"was trained on {trained:,} of its {len(database):,} faces"
                )


def unseen_rows(databases: dict[str, Database], left_out: str) -> np.ndarray:
    """Rows of a database, int64, whose image and person no other database has."""
    numbers = related([*databases.values()])
    own = np.repeat([name == left_out for name in databases], [*map(len, databases.values())])
    unseen = np.flatnonzero(~np.isin(numbers[own], numbers[~own]))
    if shared := int(own.sum()) - len(unseen):
        print(f"{left_out}: {shared:,} faces are skipped, their images or persons are in others")
    if not len(unseen):
        raise UserError(f"--leave_out: expected faces of {left_out} alone, others have all of them")
    return unseen


def evaluate_part(
    estimator: Estimator, paths: dict[str, Path], part: str, chosen: np.ndarray | None = None
) -> tuple[dict[str, dict[str, float]], tuple[np.ndarray, Labels, Estimates]]:
    """Metrics per database of a part of some databases.

    Args:
        estimator: of the run.
        paths: of the databases, by name.
        part: "validation", "test" or "all".
        chosen: rows to evaluate, int64; by default all of the part.

    Returns:
        Per database `faces`, their number; `age_mae` in years, `gender_accuracy` and `coverage` of
        the 80 % interval, 0..1. Then rows in their databases, labels and estimates of the faces.
    """
    faces = from_databases([*paths.values()], part, estimator.description)
    if chosen is not None:
        kept = np.flatnonzero(np.isin(faces.rows, chosen))
        own, margins = faces.labels.of_faces(kept), faces.margins[kept]
        faces = replace(faces, labels=own, rows=faces.rows[kept], margins=margins)
    faces.check(estimator)
    found, estimates, _ = estimate(faces, estimator)
    labels = faces.labels.of_faces(found)
    measures = measure(labels, estimates)
    metrics = {}
    for name, source in zip(paths, database_names(faces.parts), strict=True):
        own = {key: each[labels.columns["source"] == source] for key, each in measures.items()}
        metrics[name] = {
            "faces": len(own["error"]),
            "age_mae": known_mean(np.abs(own["error"])),
            "gender_accuracy": known_mean(own["correct"]),
            "coverage": known_mean(own["covered"]),
        }
    return metrics, (faces.source_rows[found], labels, estimates)
