#!/usr/bin/env python3
"""This script evaluate age estimation model using the APPA-REAL validation data.

python evaluate_appa_real.py
python evaluate_appa_real.py --weight_file checkpoints/weights.28-3.73.hdf5 --split test
"""

from contextlib import ExitStack
from pathlib import Path

from src import cli


def get_args():
    parser = cli.Parser(__doc__)
    group = parser.add_argument_group("labelled faces")
    group.add_argument(
        "--data_dir",
        type=Path,
        default=Path("appa-real/appa-real-release"),
        help="folder of APPA-REAL, which contains gt_avg_valid.csv",
    )
    group.add_argument(
        "--split", choices=("valid", "test", "train"), default="valid", help="part of APPA-REAL"
    )
    group.add_argument(
        "--target",
        choices=("apparent", "real"),
        default="apparent",
        help="kind of age for the metrics; the first table has both",
    )
    cli.add_weight_arguments(parser)
    cli.add_evaluation_arguments(parser, None)
    return parser.parse_args()


def main():
    args = get_args()
    with cli.quiet_import():
        from tabulate import tabulate

        from src.evaluation.appa_real import from_appa_real, mean_errors
        from src.evaluation.evaluate import evaluate, load_models
        from src.evaluation.output import check_output_folder, write_results
        from src.evaluation.tables import tables
        from src.outputs import locked

    with ExitStack() as stack:
        if args.output:
            inputs = [("--weight_file", args.weight_file)]
            stack.enter_context(locked(args.output))
            check_output_folder(args.output, args.force, inputs=inputs)
        faces, labels = from_appa_real(args.data_dir, args.split, args.target)
        models = load_models([args.weight_file], args.runtime, cli.original_of(args))
        results = evaluate(faces, models, args.seed, args.resamples, vars(args))
        [evaluation] = results.evaluations
        rows = [
            (kind, error, len(evaluation.rows))
            for kind, error in mean_errors(evaluation, labels).items()
        ]
        print(
            tabulate(rows, headers=("age", "MAE (years)", "pictures"), floatfmt=".2f", intfmt=",")
        )
        print(f"\nagainst the {args.target} age:\n\n{tables(results)}")
        if args.output:
            write_results(args.output, results)
            print(f"\nreport: {args.output / 'report.html'}")


if __name__ == "__main__":
    cli.run(main)
