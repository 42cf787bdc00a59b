"""Runs of several networks: without each database, without each fold, with several seeds."""

from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from tabulate import tabulate

from ..data.database import Database, join, open_database
from ..data.split import database_names, related
from ..errors import UserError
from ..estimation.estimator import Estimates, Estimator
from ..files import replacing
from ..models.checkpoints import stored_description
from ..models.seen import TRAINED_ON, TRAINING, UNKNOWN, rows_of_part, seen_in
from ..training.arguments import Arguments
from ..training.fit import train
from ..training.run import weight_files
from .evaluate import estimate
from .labelled import from_databases
from .measures import measure
from .predictions import write_predictions

OUT_OF_FOLD = "out_of_fold.csv"
_METRICS = {"age_mae": ".2f", "gender_accuracy": ".1%", "coverage": ".0%"}


@dataclass(frozen=True)
class Run:
    """One network.

    arguments: of its training.  name: what distinguishes it from the other runs, the same for all
        seeds.  left_out: name of the database that is not in training.
    """

    arguments: Arguments
    name: str
    left_out: str | None = None

    def with_seed(self, seed: int) -> "Run":
        """The run with its own seed and folder."""
        path = self.arguments.output_path / f"seed_{seed}"
        return replace(self, arguments=replace(self.arguments, seed=seed, output_path=path))


def train_runs(arguments: Arguments) -> str:
    """Train and evaluate the networks of --leave_out, --folds and --repeat.

    Each has its own folder in `output_path`; with `resume`, complete runs are only evaluated. A
    run is evaluated per database, on its test set, or its validation set if there is no test set;
    of a database that it was trained without, on all faces, except images and persons that the
    other databases have too. After every run, the metrics are written to `output_path` as CSV, one
    row per run and database, and as Markdown, see `matrix`; the predictions of --folds for every
    face to out_of_fold.csv.

    Returns:
        The Markdown, and the files.

    Raises:
        UserError: the flags do not fit the databases.
    """
    opened = [open_database(path) for path in arguments.input]
    join(opened)
    databases = dict(zip(database_names(opened), opened, strict=True))
    runs = plan(arguments, {name: database.path for name, database in databases.items()})
    left_out = dict.fromkeys(run.left_out for run in runs if run.left_out)
    check_weights(arguments, {name: databases[name] for name in left_out})
    unseen = {name: unseen_rows(databases, name) for name in left_out}
    kind = "leave_out" if arguments.leave_out else "folds" if arguments.folds else "repeat"
    part = "test" if arguments.test_split or arguments.folds else "validation"
    tables, predictions, files = [], [], [arguments.output_path / f"{kind}.csv"]
    for run in runs:
        estimator = Estimator(train(run.arguments).best_file)
        others = unseen.get(run.left_out, np.arange(0))
        metrics, *predicted = _evaluate(run, estimator, databases, part, others)
        predictions += [(run.name, *predicted)] if arguments.folds else []
        tables.append(metrics)
        keras.utils.clear_session()
        table = pd.concat(tables)
        with replacing(files[0]) as partial:
            table.to_csv(partial, index=False)
        with replacing(files[0].with_suffix(".md")) as partial:
            partial.write_text(matrix(table) + "\n", encoding="utf-8")
    if arguments.folds:
        files.append(arguments.output_path / OUT_OF_FOLD)
        write_predictions(files[-1], predictions)
    note = "age MAE in years, gender accuracy, ages in the 80 % interval; bold: never seen"
    return "\n".join([matrix(table), note, *(f"written: {path}" for path in files)])


def plan(arguments: Arguments, paths: dict[str, Path]) -> list[Run]:
    """The runs of some flags.

    Args:
        paths: of all databases, by name.

    Raises:
        UserError: fewer than two databases, or an unknown one, for --leave_out.
    """
    base = replace(arguments, leave_out=None, repeat=1)
    folder = arguments.output_path
    if arguments.leave_out:
        chosen = list(paths) if arguments.leave_out == "all" else [arguments.leave_out]
        if len(paths) < 2 or not set(chosen) <= set(paths):
            raise UserError(
                "--leave_out: expected two databases or more, and all or the name of one, received "
                f"{arguments.leave_out} with {', '.join(paths)}"
            )
        runs = [Run(without(base, paths, name), name, name) for name in chosen]
    elif arguments.folds:
        runs = [
            Run(replace(base, fold=fold, output_path=folder / f"fold_{fold}"), f"fold {fold}")
            for fold in range(arguments.folds)
        ]
    else:
        runs = [Run(base, "all")]
    if arguments.repeat == 1:
        return runs
    seeds = range(arguments.seed, arguments.seed + arguments.repeat)
    return [run.with_seed(seed) for run in runs for seed in seeds]


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
        for name, database in left_out.items():
            seen = seen_in([database], description)
            if unknown := (seen == UNKNOWN).sum():
                print(f"{path}: may have been trained on {unknown:,} faces of {name}, left out")
            if trained := np.isin(seen, (TRAINING, TRAINED_ON)).sum():
                raise UserError(
                    f"{flag}: expected weights that never saw {name}, which is left out; {path} "
                    f"was trained on {trained:,} of its {len(database):,} faces"
                )


def unseen_rows(databases: dict[str, Database], left_out: str) -> np.ndarray:
    """Rows of joined databases, int64, of a database whose image and person no other one has."""
    groups = related([*databases.values()])
    own = np.repeat([name == left_out for name in databases], [*map(len, databases.values())])
    unseen = np.flatnonzero(own & ~np.isin(groups, groups[~own]))
    if shared := int(own.sum()) - len(unseen):
        print(f"{left_out}: {shared:,} faces are skipped, their images or persons are in others")
    if not len(unseen):
        raise UserError(f"--leave_out: expected faces of {left_out} alone, others have all of them")
    return unseen


def _evaluate(
    run: Run, estimator: Estimator, databases: dict[str, Database], part: str, others: np.ndarray
) -> tuple[pd.DataFrame, pd.DataFrame, Estimates]:
    """Metrics of a run per database, and the labels and estimates of the faces.

    part: "validation" or "test", of the databases of the run.  others: further rows.
    """
    own = {name: database for name, database in databases.items() if name != run.left_out}
    is_own = np.repeat([name in own for name in databases], [*map(len, databases.values())])
    rows = rows_of_part([*own.values()], estimator.description, part)
    rows = np.append(np.flatnonzero(is_own)[rows], others)
    faces = from_databases([database.path for database in databases.values()])
    faces = replace(faces, labels=faces.labels[faces.labels.index.isin(rows)])
    faces.check(estimator)
    labels, estimates, _ = estimate(faces, estimator)
    measures = measure(labels, estimates)
    metrics = measures.assign(error=measures["error"].abs(), tested_on=labels["source"])
    metrics = metrics.groupby("tested_on", sort=False).agg(
        faces=("unit", "size"),
        age_mae=("error", "mean"),
        gender_accuracy=("correct", "mean"),
        coverage=("covered", "mean"),
    )
    metrics = metrics.reset_index().assign(run=run.name, seed=run.arguments.seed)
    metrics["part"] = np.where(metrics["tested_on"] == run.left_out, "all", part)
    return metrics[["run", "seed", "tested_on", "part", "faces", *_METRICS]], labels, estimates


def matrix(table: pd.DataFrame) -> str:
    """Rows of runs as Markdown, run by database: "4.71, 94.2 %, 81 %".

    With several seeds, means and standard deviations: "4.71 ± 0.05". Omitted databases are bold; a
    dash stands for metrics without a label.
    """
    databases = list(dict.fromkeys(table["tested_on"]))
    lines = []
    for run, own in table.groupby("run", sort=False):
        cells = [_cell(own[own["tested_on"] == name], run == name) for name in databases]
        lines.append([run, *cells])
    title = "trained without" if set(table["run"]) & set(databases) else "run"
    return tabulate(lines, [title, *databases], tablefmt="pipe", disable_numparse=True)


def _cell(rows: pd.DataFrame, is_unseen: bool) -> str:
    texts = []
    for name, form in _METRICS.items():
        values = rows[name].dropna()
        text = format(values.mean(), form) if len(values) else "-"
        if len(values) > 1:
            text += f" ± {format(values.std(), form)}"
        texts.append(text.replace("%", " %"))
    return f"**{', '.join(texts)}**" if is_unseen else ", ".join(texts)
