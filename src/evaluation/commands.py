"""Runs of evaluate.py and evaluate_appa_real.py."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict
from functools import partial

from tabulate import tabulate

from ..data.datasets.published import AGE_COLUMNS
from ..estimation.estimator import Estimator
from ..files import check_input_file
from ..outputs import Output, check_outputs, has_mark, locked
from .arguments import AppaRealArguments, Arguments, EvaluationFlags
from .evaluate import check_unseen, evaluate, load_models
from .labelled import EvaluationSet, from_appa_real, from_csv, from_databases
from .output import free_folder, write_results
from .predictions import MARK, write_predictions
from .results import Results
from .tables import console

Models = dict[str, Estimator]


def run_evaluation(arguments: Arguments) -> None:
    """Evaluate, print the tables and write all files."""
    check_inputs(arguments)
    _run(arguments, partial(faces_of, arguments))


def run_appa_real(arguments: AppaRealArguments) -> None:
    """Evaluate on APPA-REAL, and print the errors by kind of age and all tables."""
    faces, labels = from_appa_real(arguments.data_dir, arguments.split)

    def by_age(results: Results) -> str:
        errors = [
            (each.model, kind, (each.measures["est_age"] - labels[column]).abs().dropna())
            for each in results.evaluations
            for kind, column in AGE_COLUMNS.items()
        ]
        rows = [(*names, error.mean(), len(error)) for *names, error in errors]
        headers = ("model", "age", "MAE (years)", "images")
        table = tabulate(rows, headers, floatfmt=".2f", intfmt=",")
        return f"{table}\n\nagainst the apparent age:\n"

    _run(arguments, lambda _: faces, by_age)


def _run(
    arguments: EvaluationFlags,
    read: Callable[[Models], EvaluationSet],
    first: Callable[[Results], str] | None = None,
) -> None:
    """Evaluate the faces that `read` returns, print the text of `first` and the tables, and write
    the files of `EvaluationFlags`."""
    path, folder = arguments.predictions, arguments.output and free_folder(arguments.output)
    with locked(folder) if folder else nullcontext():
        if path:
            kind = "a file of predictions"
            check_outputs([Output("--predictions", path, kind, has_mark(MARK))], [])
        models = load_models(arguments.weight_file, arguments.runtime, arguments.original)
        values = asdict(arguments)
        results = evaluate(read(models), models, arguments.seed, arguments.resamples, values)
        print(*([first(results)] if first else []), console(results), sep="\n")
        if path:
            write_predictions(path, [(e.model, e.labels, e.estimates) for e in results.evaluations])
        if folder:
            write_results(folder, results)
            print(f"\nreport: {folder / 'report.html'}")


def check_inputs(arguments: Arguments) -> None:
    """Raise `UserError`, before models are loaded, if a label file or database is missing."""
    if arguments.image_csv:
        check_input_file(arguments.image_csv, "a label file")
    for path in arguments.input:
        check_input_file(path, "a database (create_db.py makes one)")


def faces_of(arguments: Arguments, models: Models) -> EvaluationSet:
    """The labelled faces; the first model's split defines the part."""
    if arguments.image_csv:
        return from_csv(
            arguments.image_csv,
            arguments.collection,
            arguments.encoding,
            detector=arguments.detector if arguments.detect else "none",
            min_face=arguments.min_face,
            scheduler=arguments.scheduler,
        )
    descriptions = {name: model.description for name, model in models.items()}
    faces = from_databases(arguments.input, arguments.part, next(iter(descriptions.values())))
    if arguments.part in ("validation", "test"):
        remedy = "evaluate it alone, or pass --part all"
        faces.notes.extend(check_unseen(descriptions, faces, f"--part {arguments.part}", remedy))
    return faces
