"""Runs of several networks: without each database, without each fold, with several seeds."""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from tabulate import tabulate

from ..data.split import database_names, related
from ..errors import UserError
from ..estimation.estimator import Estimates, Estimator
from ..files import replacing
from ..models.checkpoints import stored_description
from ..models.seen import NEVER_SEEN
from ..training.arguments import Arguments
from ..training.fit import train
from ..training.run import weight_files
from .evaluate import check_unseen, estimate
from .labelled import DatabaseFaces, from_databases
from .measures import measure
from .predictions import write_predictions

OUT_OF_FOLD = "out_of_fold.csv"
_METRICS = {"age_mae": ".2f", "gender_accuracy": ".1%", "coverage": ".0%"}
_COLUMNS = ["run", "seed", "tested_on", "part", "faces", *_METRICS]

Run = tuple[str, Arguments]  # its name, the same for all seeds, and the arguments of its training


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
    faces = from_databases(arguments.input)
    runs = plan(arguments, dict(zip(database_names(faces.parts), arguments.input, strict=True)))
    unseen = None
    if arguments.leave_out:
        left_out = faces.labels["source"].isin(name for name, _ in runs)
        unseen = unseen_faces(replace(faces, labels=faces.labels[left_out]), arguments)
    kind = "leave_out" if arguments.leave_out else "folds" if arguments.folds else "repeat"
    part = "test" if arguments.test_split or arguments.folds else "validation"
    tables, predictions, files = [], [], [arguments.output_path / f"{kind}.csv"]
    for name, own in runs:
        estimator = Estimator(train(own).best_file)
        metrics, *predicted = _evaluate(name, estimator, faces, part, unseen)
        predictions += [(name, *predicted)] if arguments.folds else []
        tables.append(metrics.assign(run=name, seed=own.seed)[_COLUMNS])
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
    """The runs of some flags; those of --leave_out are named after the omitted database.

    Args:
        paths: of all databases, by name.

    Raises:
        UserError: --leave_out with fewer than two databases, an unknown one, or a --monitor of one.
    """
    folder = arguments.output_path
    if arguments.leave_out:
        chosen = list(paths) if arguments.leave_out == "all" else [arguments.leave_out]
        if len(paths) < 2 or not set(chosen) <= set(paths):
            raise UserError(
                "--leave_out: expected two databases or more, and all or the name of one, received "
                f"{arguments.leave_out} with {', '.join(paths)}"
            )
        if (monitor := f"val_{arguments.monitored_metric}") != arguments.monitor:
            raise UserError(
                f"--leave_out requires a --monitor of all databases, {monitor}, received "
                f"{arguments.monitor}"
            )
        changes = {
            name: {
                "input": [path for other, path in paths.items() if other != name],
                "output_path": folder / f"without_{name}",
            }
            for name in chosen
        }
    elif arguments.folds:
        changes = {
            f"fold {fold}": {"fold": fold, "output_path": folder / f"fold_{fold}"}
            for fold in range(arguments.folds)
        }
    else:
        changes = {"all": {}}
    base = replace(arguments, leave_out=None, repeat=1)
    runs = [(name, replace(base, **values)) for name, values in changes.items()]
    if arguments.repeat == 1:
        return runs
    return [
        (name, replace(own, seed=seed, output_path=own.output_path / f"seed_{seed}"))
        for name, own in runs
        for seed in range(arguments.seed, arguments.seed + arguments.repeat)
    ]


def unseen_faces(faces: DatabaseFaces, arguments: Arguments) -> pd.Index:
    """The faces of databases left out whose image and person no other database has.

    Raises `UserError` if a database has none, or initial weights or a teacher were trained on it.
    """
    for flag, path in weight_files(arguments).items():
        remedy = "pass weights that never saw the databases left out"
        for note in check_unseen({str(path): stored_description(path)}, faces, flag, remedy):
            print(f"--leave_out: {note}")
    sources = np.repeat(database_names(faces.parts), [*map(len, faces.parts)])
    counts = pd.Series(sources).groupby(related(faces.parts)).transform("nunique")
    is_unseen = counts[faces.labels.index] == 1
    for name, own in is_unseen.groupby(faces.labels["source"], sort=False):
        if shared := (~own).sum():
            print(f"{name}: {shared:,} faces are skipped, their images or persons are in others")
        if not own.any():
            raise UserError(f"--leave_out: expected faces of {name} alone, others have all of them")
    return faces.labels.index[is_unseen]


def _evaluate(
    run: str, estimator: Estimator, faces: DatabaseFaces, part: str, unseen: pd.Index | None
) -> tuple[pd.DataFrame, pd.DataFrame, Estimates]:
    """Metrics of a run per database, and the labels and estimates of the faces.

    part: "validation" or "test", of the databases of the run.  unseen: faces of databases left out;
        None if the run has all databases.
    """
    is_part = np.isin(faces.seen(estimator.description), (part, NEVER_SEEN))
    if unseen is not None:
        is_left_out = faces.labels["source"] == run
        is_part = np.where(is_left_out, faces.labels.index.isin(unseen), is_part)
    faces = replace(faces, labels=faces.labels[is_part])
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
    part = np.where((metrics.index == run) & (unseen is not None), "all", part)
    return metrics.reset_index().assign(part=part), labels, estimates


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
