"""Runs of evaluate.py and evaluate_appa_real.py."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, replace
from pathlib import Path

from tabulate import tabulate

from ..data.datasets.published import AGE_COLUMNS
from ..estimation.estimator import Estimator
from ..files import check_input_file
from ..outputs import Output, check_outputs, has_mark, locked
from .arguments import AppaRealArguments, Arguments, ResultFlags
from .evaluate import check_unseen, evaluate, load_models
from .labelled import EvaluationSet, from_appa_real, from_csv, from_databases
from .output import folder_output, free_folder, split_card, write_card, write_results
from .predictions import MARK, write_predictions
from .results import Results
from .tables import console

Inputs = list[tuple[str, Path | None]]


def run_evaluation(arguments: Arguments, command: list[str]) -> None:
    """Evaluate, print the tables and write all files.

    command: the command line, for the model card.
    """
    section, card = "pictures" if arguments.image_csv else "figures", arguments.card
    cards = [Output("--card", card, "a model card", lambda _: True)] if card else []
    with _writing(arguments, inputs_of(arguments), cards) as arguments:
        if card:
            split_card(card, section)
        paths = arguments.weight_file or [None]
        models = load_models(paths, arguments.runtime, arguments.original)
        faces = faces_of(arguments, models)
        results = evaluate(faces, models, arguments.seed, arguments.resamples, asdict(arguments))
        _finish(arguments, results)
        if card:
            write_card(card, results, shlex.join(["python", *command]), section)


def inputs_of(arguments: Arguments) -> Inputs:
    """Flags and paths of all files that are read. Raises `UserError`, before models are loaded, if
    a label file or database is missing."""
    if arguments.image_csv:
        check_input_file(arguments.image_csv, "a label file")
    for path in arguments.input:
        check_input_file(path, "a database (create_db.py makes one)")
    inputs: Inputs = [("--image_csv", arguments.image_csv)]
    inputs += [("--input", path) for path in arguments.input]
    return inputs + [("--weight_file", path) for path in arguments.weight_file]


def faces_of(arguments: Arguments, models: dict[str, Estimator]) -> EvaluationSet:
    """The labelled faces; the first model's split defines the part."""
    if arguments.image_csv:
        return from_csv(
            arguments.image_csv,
            arguments.collection,
            arguments.detector if arguments.detect else "none",
            arguments.min_face,
            arguments.scheduler,
            arguments.encoding,
        )
    owner = next(iter(models.values())).description
    faces = from_databases(arguments.input, arguments.part, owner, arguments.fit_margin)
    if arguments.part in ("validation", "test"):
        remedy = "evaluate it alone, or pass --part all"
        faces.notes.extend(check_unseen(models, faces, f"--part {arguments.part}", remedy))
    return faces


def run_appa_real(arguments: AppaRealArguments) -> None:
    """Evaluate on APPA-REAL, and print the errors by kind of age and all tables."""
    with _writing(arguments, [("--weight_file", arguments.weight_file)], []) as arguments:
        faces, labels = from_appa_real(arguments.data_dir, arguments.split, arguments.target)
        models = load_models([arguments.weight_file], arguments.runtime, arguments.original)
        results = evaluate(faces, models, arguments.seed, arguments.resamples, asdict(arguments))
        [evaluation] = results.evaluations
        found = evaluation.measures.join(labels[[*AGE_COLUMNS.values()]])
        rows = [
            (kind, (found["est_age"] - found[column]).abs().mean(), len(found))
            for kind, column in AGE_COLUMNS.items()
        ]
        print(tabulate(rows, ("age", "MAE (years)", "images"), floatfmt=".2f", intfmt=","))
        print(f"\nagainst the {arguments.target} age:\n")
        _finish(arguments, results)


@contextmanager
def _writing(
    arguments: ResultFlags, inputs: Inputs, outputs: list[Output]
) -> Iterator[ResultFlags]:
    """Check and lock the outputs; the arguments with the name of the folder that is free."""
    if arguments.predictions:
        kind = "a file of predictions"
        outputs.append(Output("--predictions", arguments.predictions, kind, has_mark(MARK)))
    if arguments.output:
        arguments = replace(arguments, output=free_folder(arguments.output, arguments.force))
        outputs.append(folder_output(arguments.output))
    with locked(arguments.output) if arguments.output else nullcontext():
        check_outputs(outputs, inputs)
        yield arguments


def _finish(arguments: ResultFlags, results: Results) -> None:
    """Print the tables, and write the files of `ResultFlags`."""
    print(console(results))
    if arguments.predictions:
        models = [(e.model, e.labels, e.estimates) for e in results.evaluations]
        write_predictions(arguments.predictions, models)
    if arguments.output:
        write_results(arguments.output, results)
        print(f"\nreport: {arguments.output / 'report.html'}")
