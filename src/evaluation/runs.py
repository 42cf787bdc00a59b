"""Runs of several networks: without each database, without each fold, with several seeds."""

from dataclasses import dataclass, replace
from pathlib import Path

import keras
import pandas as pd
from tabulate import tabulate

from ..data.database import open_database
from ..data.joined import join
from ..data.split import database_names
from ..errors import UserError
from ..estimation.estimator import Estimator
from ..files import replacing
from ..training.arguments import Arguments
from ..training.fit import train
from .leave_out import check_weights, evaluate_part, unseen_rows, without
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
    databases = [open_database(path) for path in arguments.input]
    join(databases)
    by_name = dict(zip(database_names(databases), databases, strict=True))
    paths = {name: database.path for name, database in by_name.items()}
    runs = plan(arguments, paths)
    left_out = {run.left_out for run in runs if run.left_out}
    check_weights(arguments, {name: by_name[name] for name in left_out})
    unseen = {name: unseen_rows(by_name, name) for name in left_out}
    kind = "leave_out" if arguments.leave_out else "folds" if arguments.folds else "repeat"
    part = "test" if arguments.test_split or arguments.folds else "validation"
    rows, predictions, files = [], [], [arguments.output_path / f"{kind}.csv"]
    for run in runs:
        estimator = Estimator(train(run.arguments).best_file)
        own = {name: path for name, path in paths.items() if name != run.left_out}
        parts = [(part, own, None)]
        if run.left_out:
            parts.append(("all", {run.left_out: paths[run.left_out]}, unseen[run.left_out]))
        for which, tested, chosen in parts:
            metrics, predicted = evaluate_part(estimator, tested, which, chosen)
            predictions += [(run.name, *predicted)] if arguments.folds else []
            about = {"run": run.name, "seed": run.arguments.seed}
            rows += [about | {"tested_on": name, "part": which, **metrics[name]} for name in tested]
        keras.utils.clear_session()
        table = _write(arguments.output_path / kind, rows)
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
    return [
        _seeded(run, index, arguments.repeat) for run in runs for index in range(arguments.repeat)
    ]


def _seeded(run: Run, index: int, count: int) -> Run:
    if count == 1:
        return run
    seed = run.arguments.seed + index
    folder = run.arguments.output_path / f"seed_{seed}"
    return replace(run, arguments=replace(run.arguments, seed=seed, output_path=folder))


def _write(path: Path, rows: list[dict[str, object]]) -> pd.DataFrame:
    """Write rows as CSV, and their matrix as Markdown; returns the rows."""
    table = pd.DataFrame(rows)
    with replacing(path.with_suffix(".csv")) as partial:
        table.to_csv(partial, index=False)
    with replacing(path.with_suffix(".md")) as partial:
        partial.write_text(matrix(table) + "\n", encoding="utf-8")
    return table


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
