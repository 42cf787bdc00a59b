#!/usr/bin/env python3
"""Turn a public dataset into a training database.

python create_db.py --db wiki --data_dir data/wiki_crop --img_size 64 -o data/wiki_db.mat
"""

from pathlib import Path

from src import cli
from src.data.datasets import NAMES


def get_args():
    parser = cli.Parser("This script cleans-up noisy labels and creates database for training.")
    parser.add_argument(
        "--output", "-o", type=Path, required=True, help="path to output database mat file"
    )
    parser.add_argument("--db", choices=NAMES, default="wiki", help="dataset; wiki or imdb")
    parser.add_argument("--img_size", type=cli.positive_int, default=32, help="output image size")
    parser.add_argument("--min_score", type=float, default=1.0, help="minimum face_score")
    parser.add_argument(
        "--data_dir",
        type=Path,
        help="folder of the dataset, with {db}.mat in it (default: data/{db}_crop)",
    )
    parser.add_argument(
        "--workers",
        type=cli.positive_int,
        help="threads that decode pictures (default: one a core)",
    )
    parser.add_argument(
        "--mat_version",
        choices=("7.3", "5"),
        default="7.3",
        help="7.3 has no limit of size; 5 is read by scipy.io.loadmat and holds less than 4 GiB",
    )
    return parser.parse_args()


def main():
    args = get_args()
    from tabulate import tabulate

    from src.data.create import create_database

    created = create_database(
        output=args.output,
        db=args.db,
        data_dir=args.data_dir or Path("data") / f"{args.db}_crop",
        img_size=args.img_size,
        min_score=args.min_score,
        workers=args.workers,
        mat_version=args.mat_version,
    )
    total = created.rows + sum(created.removed.values())
    rows = [("read", total), *created.removed.items(), ("left", created.rows)]
    print(tabulate(rows, headers=("rule", "rows"), intfmt=","))
    print("wrote", *created.files)


if __name__ == "__main__":
    cli.run(main)
