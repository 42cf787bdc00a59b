#!/usr/bin/env python3
"""Mean absolute errors of a checkpoint on APPA-REAL, for comparison with papers.

python evaluate_appa_real.py --weight_file checkpoints/weights.28-3.73.hdf5
"""

from pathlib import Path

from src import cli


def get_args():
    parser = cli.Parser(
        "This script evaluate age estimation model using the APPA-REAL validation data."
    )
    cli.add_weight_arguments(parser)
    parser.add_argument(
        "--data_dir",
        type=Path,
        default=Path("appa-real/appa-real-release"),
        help="folder of APPA-REAL, with gt_avg_valid.csv in it",
    )
    parser.add_argument(
        "--split", choices=("valid", "test", "train"), default="valid", help="part to evaluate on"
    )
    return parser.parse_args()


def main():
    args = get_args()
    with cli.quiet_import():
        from tabulate import tabulate

        from src.estimation.estimator import Estimator
        from src.evaluation.appa_real import evaluate

    estimator = Estimator(args.weight_file, args.depth, args.width)
    evaluated = evaluate(estimator, args.data_dir, args.split)
    rows = [(kind, error, evaluated.pictures) for kind, error in evaluated.mae.items()]
    print(tabulate(rows, headers=("age", "MAE (years)", "pictures"), floatfmt=".2f", intfmt=","))
    if evaluated.missing:
        count = len(evaluated.missing)
        print(f"{count} of {evaluated.pictures + count} pictures missing or unreadable:")
        print(*evaluated.missing, sep="\n")


if __name__ == "__main__":
    cli.run(main)
