#!/usr/bin/env python3
"""Train a network for age and gender on a database made by create_db.py.

python train.py --input data/wiki_db.mat --aug
"""

import sys
from pathlib import Path

from src import cli
from src.cli import training as flags
from src.training.recipes import with_files


def get_args():
    parser = cli.Parser("This script trains the CNN model for age and gender estimation.")
    parser.add_argument(
        "--input",
        "-i",
        type=Path,
        required=True,
        nargs="+",
        help="path to input database mat file; several are joined",
    )
    parser.add_argument("--batch_size", type=cli.positive_int, default=32, help="batch size")
    parser.add_argument("--nb_epochs", type=cli.positive_int, default=30, help="number of epochs")
    parser.add_argument(
        "--lr",
        type=cli.positive_float,
        help="initial learning rate (default: 0.1 for sgd, 0.001 for adam and adamw)",
    )
    parser.add_argument(
        "--opt",
        choices=("sgd", "adam", "adamw"),
        default="sgd",
        help="optimizer name; 'sgd' or 'adam', or 'adamw'",
    )
    parser.add_argument(
        "--depth", type=int, default=16, help="depth of network (should be 10, 16, 22, 28, ...)"
    )
    parser.add_argument("--width", type=cli.positive_int, default=8, help="width of network")
    parser.add_argument(
        "--validation_split", type=cli.fraction, default=0.1, help="validation split ratio"
    )
    parser.add_argument(
        "--test_split",
        type=cli.share,
        default=0.0,
        help="share of faces held out from training and validation, for evaluate.py --part test",
    )
    parser.add_argument(
        "--split_by",
        choices=("random", "hash"),
        help="method of the split: by position and --seed, or by a hash of the file name, which is "
        "independent of joining and rebuilding (default: hash if the databases store file names)",
    )
    parser.add_argument(
        "--aug",
        nargs="?",
        choices=("plain", "strong"),
        const="plain",
        help="use data augmentation if set true; 'strong' also zooms, rotates, colours and blurs "
        "(default: False)",
    )
    parser.add_argument(
        "--output_path", type=Path, default=Path("checkpoints"), help="checkpoint dir"
    )
    parser.add_argument(
        "--resume",
        nargs="?",
        const="auto",
        metavar="auto|FOLDER",
        help="go on with the run in output_path, if there is one, or with the one in FOLDER, whose "
        "arguments need not be repeated",
    )
    parser.add_argument("--config", type=Path, help="recipe (YAML) to take flags from")
    parser.add_argument(
        "--seed", type=int, default=0, help="seed of the split, the weights and the augmentation"
    )
    flags.add_network_flags(parser)
    flags.add_objective_flags(parser)
    flags.add_course_flags(parser)
    flags.add_machine_flags(parser)
    args = parser.parse_args(with_files(sys.argv[1:]))
    del args.config
    args.resume = args.resume is not None
    return args


def main():
    args = get_args()
    with cli.quiet_import():
        from tabulate import tabulate

        from src.training.arguments import Arguments
        from src.training.fit import train

    trained = train(Arguments(**vars(args)))
    print(tabulate([trained.row], headers="keys", floatfmt=".3f"))
    print("best checkpoint:", trained.best_file)


if __name__ == "__main__":
    cli.run(main)
