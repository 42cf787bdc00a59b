"""Leave-one-database-out rounds: metrics on databases that the network never saw."""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from tabulate import tabulate

from ..data.database import Database, open_database
from ..data.joined import join
from ..data.split import database_names, related
from ..errors import UserError
from ..estimation.estimator import Estimator
from ..files import replacing
from ..models.checkpoints import stored_description
from ..models.seen import TRAINED_ON, TRAINING, seen_in
from ..training.arguments import Arguments
from ..training.fit import train
from ..training.run import weight_files
from .evaluate import estimate
from .figures import baseline, known_mean, measure
from .labelled import from_databases, select

TABLE, MATRIX = "leave_out.csv", "leave_out.md"


def leave_out(arguments: Arguments) -> pd.DataFrame:
    """Train without each database of `arguments.leave_out`, and evaluate each run on all databases.

    A run without NAME has the folder `output_path/without_NAME`; with `resume`, complete runs are
    only evaluated. The faces of the omitted database are evaluated, except images and persons that
    other databases have too, and the test set of the other databases, or their validation set if
    there is no test set. Writes `leave_out.csv` and
    `leave_out.md`, see `matrix`, to `output_path` after every run. Returns the rows of the table:
    `trained_without`, `tested_on`, `part`, `faces`, `age_mae` in years, `gender_accuracy` and
    `coverage` of the 80 % interval, 0..1.
    Raises `UserError` if there are fewer than two databases, sizes or alignments differ, or the
    initial weights were trained on an omitted database.
    """
    databases = [open_database(path) for path in arguments.input]
    join(databases)
    by_name = dict(zip(database_names(databases), databases, strict=True))
    chosen = list(by_name) if arguments.leave_out == "all" else [arguments.leave_out]
    if len(by_name) < 2 or not set(chosen) <= set(by_name):
        raise UserError(
            "--leave_out: expected two databases or more, and all or the name of one, received "
            f"{arguments.leave_out} with {', '.join(by_name)}"
        )
    _check_weights(arguments, {name: by_name[name] for name in chosen})
    paths = {name: database.path for name, database in by_name.items()}
    part = "test" if arguments.test_split else "validation"
    unseen = {name: _unseen(by_name, name) for name in chosen}
    rows = []
    for left_out in chosen:
        trained = train(without(arguments, paths, left_out))
        rows += _evaluate(trained.best_file, paths, left_out, part, unseen[left_out])
        keras.utils.clear_session()
        table = pd.DataFrame(rows)
        with replacing(arguments.output_path / TABLE) as partial:
            table.to_csv(partial, index=False)
        with replacing(arguments.output_path / MATRIX) as partial:
            partial.write_text(matrix(table) + "\n", encoding="utf-8")
    return table


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


def matrix(table: pd.DataFrame) -> str:
    """The rows of `leave_out` as Markdown, trained without by tested on: "4.71, 94.2 %, 81 %".

    Omitted databases are bold; a dash stands for metrics without a label.
    """
    cells = []
    for row in table.itertuples():
        values = ((row.age_mae, ".2f"), (row.gender_accuracy, ".1%"), (row.coverage, ".0%"))
        texts = ["-" if np.isnan(value) else format(value, form) for value, form in values]
        cell = ", ".join(texts).replace("%", " %")
        cells.append(f"**{cell}**" if row.trained_without == row.tested_on else cell)
    order = list(dict.fromkeys(table["tested_on"]))
    table = table.assign(cell=cells)
    found = table.pivot(index="trained_without", columns="tested_on", values="cell")
    rows = [[name, *found.loc[name, order]] for name in order if name in found.index]
    return tabulate(rows, ["trained without", *order], tablefmt="pipe", disable_numparse=True)


def _check_weights(arguments: Arguments, left_out: dict[str, Database]) -> None:
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


def _unseen(databases: dict[str, Database], left_out: str) -> np.ndarray:
    """Rows of a database, int64, whose image and person no other database has."""
    numbers = related([*databases.values()])
    own = np.repeat([name == left_out for name in databases], [*map(len, databases.values())])
    unseen = np.flatnonzero(~np.isin(numbers[own], numbers[~own]))
    if shared := int(own.sum()) - len(unseen):
        print(f"{left_out}: {shared:,} faces are skipped, their images or persons are in others")
    if not len(unseen):
        raise UserError(f"--leave_out: expected faces of {left_out} alone, others have all of them")
    return unseen


def _evaluate(
    weight_file: Path, paths: dict[str, Path], left_out: str, part: str, unseen: np.ndarray
) -> list[dict[str, object]]:
    """The rows of `leave_out` for one run.

    unseen: rows of the omitted database to evaluate.
    """
    estimator = Estimator(weight_file)
    own = {name: path for name, path in paths.items() if name != left_out}
    measures = _measure(estimator, own, part)
    measures |= _measure(estimator, {left_out: paths[left_out]}, "all", unseen)
    return [
        {
            "trained_without": left_out,
            "tested_on": name,
            "part": "all" if name == left_out else part,
            "faces": len(measures[name]["error"]),
            "age_mae": known_mean(np.abs(measures[name]["error"])),
            "gender_accuracy": known_mean(measures[name]["correct"]),
            "coverage": known_mean(measures[name]["covered"]),
        }
        for name in paths
    ]


def _measure(
    estimator: Estimator, paths: dict[str, Path], part: str, unseen: np.ndarray | None = None
) -> dict[str, dict[str, np.ndarray]]:
    """Per-face measures of each database, see `figures.measure`; of the rows `unseen`, or all."""
    faces = from_databases([*paths.values()], part, estimator.description)
    if unseen is not None:
        chosen = np.flatnonzero(np.isin(faces.rows, unseen))
        own, margins = select(faces.labels, chosen), faces.margins[chosen]
        faces = replace(faces, labels=own, rows=faces.rows[chosen], margins=margins)
    faces.check(estimator)
    found, estimates, _ = estimate(faces, estimator)
    labels = select(faces.labels, found)
    measures = measure(labels, estimates, baseline(None, labels))
    sources = database_names(faces.parts)
    return {
        name: {key: values[labels.columns["source"] == source] for key, values in measures.items()}
        for name, source in zip(paths, sources, strict=True)
    }
