#!/usr/bin/env python3
"""Train a network for age and gender on a database made by create_db.py.

python train.py --input data/wiki_db.mat --aug
"""

from pathlib import Path

from src import cli


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
        help="initial learning rate (default: 0.1 for sgd, 0.001 for adam)",
    )
    parser.add_argument(
        "--opt", choices=("sgd", "adam"), default="sgd", help="optimizer name; 'sgd' or 'adam'"
    )
    parser.add_argument(
        "--depth", type=int, default=16, help="depth of network (should be 10, 16, 22, 28, ...)"
    )
    parser.add_argument("--width", type=cli.positive_int, default=8, help="width of network")
    parser.add_argument(
        "--validation_split", type=cli.fraction, default=0.1, help="validation split ratio"
    )
    parser.add_argument(
        "--split_by",
        choices=("random", "hash"),
        default="random",
        help="validate on rows drawn by --seed, or by a hash of the picture's file name, which "
        "stays the same whatever is joined",
    )
    parser.add_argument("--aug", action="store_true", help="use data augmentation if set true")
    parser.add_argument(
        "--output_path", type=Path, default=Path("checkpoints"), help="checkpoint dir"
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="seed of the split, the weights and the augmentation"
    )
    return parser.parse_args()


def main():
    args = get_args()
    with cli.quiet_import():
        from src.training.fit import train

    print("best checkpoint:", train(**vars(args)))


if __name__ == "__main__":
    cli.run(main)
