#!/usr/bin/env python3
"""This script evaluate age estimation model using the APPA-REAL validation data.

python evaluate_appa_real.py
python evaluate_appa_real.py --weight_file checkpoints/weights.28-3.73.hdf5 --split test
"""

import sys
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))  # also with python -P and -I

from src import cli, flags
from src.evaluation.arguments import AppaRealArguments as Arguments


def main(argv=()):
    arguments = flags.parse(Arguments, argv, __doc__)
    from src.evaluation.output import check_output_folder
    from src.outputs import locked

    inputs = [("--weight_file", arguments.weight_file)]
    with locked(arguments.output) if arguments.output else nullcontext():
        if arguments.output:
            check_output_folder(arguments.output, arguments.force, inputs=inputs)
        evaluate(arguments)


def evaluate(arguments):
    from tabulate import tabulate

    from src.evaluation.appa_real import from_appa_real, mean_errors
    from src.evaluation.evaluate import evaluate, load_models
    from src.evaluation.output import write_results
    from src.evaluation.tables import tables

    faces, labels = from_appa_real(arguments.data_dir, arguments.split, arguments.target)
    models = load_models([arguments.weight_file], arguments.runtime, arguments.original)
    results = evaluate(faces, models, arguments.seed, arguments.resamples, asdict(arguments))
    [evaluation] = results.evaluations
    errors = mean_errors(evaluation, labels)
    rows = [(kind, error, len(evaluation.rows)) for kind, error in errors.items()]
    print(tabulate(rows, headers=("age", "MAE (years)", "pictures"), floatfmt=".2f", intfmt=","))
    print(f"\nagainst the {arguments.target} age:\n\n{tables(results)}")
    if arguments.output:
        write_results(arguments.output, results)
        print(f"\nreport: {arguments.output / 'report.html'}")


if __name__ == "__main__":
    cli.run(main)
