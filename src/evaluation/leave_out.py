"""Leave-one-database-out rounds: errors on databases that the network never saw."""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from src.data.database import open_database
from src.data.joined import join
from src.data.split import rows_by_database
from src.errors import UserError
from src.estimation.estimator import Estimator
from src.evaluation.evaluate import estimate
from src.evaluation.figures import baseline, measure
from src.evaluation.labelled import from_databases, select
from src.files import replacing
from src.training.arguments import Arguments
from src.training.fit import train

TABLE = "leave_out.csv"


def leave_out(arguments: Arguments) -> pd.DataFrame:
    """Train without each database of `arguments.leave_out`, and evaluate each run on all databases.

    A run without NAME has the folder `output_path/without_NAME`. The database left out is evaluated
    on all its faces, every other one on the test set of the run, or its validation set if there is
    no test set. Writes `output_path/leave_out.csv` after every run and returns its rows:
    `trained_without`, `tested_on`, `part`, `faces`, `age_mae` in years, `gender_accuracy` 0..1.
    Raises `UserError` unless there are two databases or more, of one size and alignment.
    """
    databases = [open_database(path) for path in arguments.input]
    join(databases)
    names = list(rows_by_database(databases, np.arange(0)))
    paths = dict(zip(names, arguments.input, strict=True))
    chosen = names if arguments.leave_out == "all" else [arguments.leave_out]
    if len(names) < 2 or not set(chosen) <= set(names):
        raise UserError(
            "--leave_out: expected two databases or more, and all or the name of one, received "
            f"{arguments.leave_out} with {', '.join(names)}"
        )
    rows = []
    for left_out in chosen:
        trained = train(without(arguments, paths, left_out))
        estimator = Estimator(trained.best_file)
        held_out = "test" if arguments.test_split else "validation"
        for name, path in paths.items():
            part = "all" if name == left_out else held_out
            where = {"trained_without": left_out, "tested_on": name, "part": part}
            rows.append(where | _errors(estimator, path, part))
        keras.utils.clear_session()
        with replacing(arguments.output_path / TABLE) as partial:
            pd.DataFrame(rows).to_csv(partial, index=False)
    return pd.DataFrame(rows)


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
        monitor=",".join(monitored) or f"val_{arguments.monitored_figure}",
        leave_out=None,
    )


def matrix(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of `leave_out` as trained-without by tested-on: "4.71 / 94.2 %"."""
    cells = [
        f"{row.age_mae:.2f} / {row.gender_accuracy:.1%}" + " (unseen)" * (row.part == "all")
        for row in rows.itertuples()
    ]
    table = rows.assign(cell=cells)
    order = list(dict.fromkeys(table["tested_on"]))
    table = table.pivot(index="trained_without", columns="tested_on", values="cell")
    return table.loc[[name for name in order if name in table.index], order]


def _errors(estimator: Estimator, path: Path, part: str) -> dict[str, float]:
    faces = from_databases([path], part, estimator.description)
    faces.check(estimator)
    found, estimates, _ = estimate(faces, estimator)
    labels = select(faces.labels, found)
    measures = measure(labels, estimates, baseline(None, labels))
    return {
        "faces": len(found),
        "age_mae": _mean(np.abs(measures["error"])),
        "gender_accuracy": _mean(measures["correct"]),
    }


def _mean(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else np.nan
