#!/usr/bin/env python3
"""A label file of the held-out images of a dataset, by the hash of the file name.

Missing images and duplicates of images outside these hashes are skipped.

python benchmarks/held_out.py --db utkface --data_dir data/raw/UTKFace --output data/raw/utkface.csv
"""

import sys
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from src import cli, flags
from src.data.datasets import DATASETS
from src.errors import UserError
from src.flags import flag


@dataclass(frozen=True, kw_only=True)
class Arguments:
    db: str = flag(choices=DATASETS, help="dataset")
    data_dir: Path = flag(help="folder of the dataset")
    output: Path = flag(help="CSV file, in a folder above the pictures")
    hashes: tuple[float, ...] = flag(
        (0.1, 0.2),
        limits="[0, 1]",
        help="range of hashes of the file names; the default is the test part of "
        "--validation_split 0.1 --test_split 0.1",
        metavar=("LOW", "HIGH"),
    )


def main(argv=()):
    args = flags.parse(Arguments, argv, __doc__)
    import pandas as pd

    from src.data.datasets import read_dataset
    from src.data.split import hashed
    from src.files import atomic
    from src.labels import GENDERS

    table = read_dataset(args.db, args.data_dir).table
    table = table[[(args.data_dir / path).is_file() for path in table["path"]]]
    low, high = args.hashes
    is_held_out = table["path"].map(lambda path: low <= hashed(path) < high)
    contents = table["path"].map(lambda path: sha256((args.data_dir / path).read_bytes()).digest())
    table = table[is_held_out.groupby(contents).transform("all")]
    if table.empty:
        raise UserError(f"--hashes: expected a range that holds pictures, received {low} {high}")
    data_dir, folder = args.data_dir.resolve(), args.output.resolve().parent
    if not data_dir.is_relative_to(folder):
        raise UserError(
            f"--output: expected a file in {data_dir} or a folder above it, received {args.output}"
        )
    prefix = data_dir.relative_to(folder)
    labels = pd.DataFrame(
        {
            "path": [(prefix / path).as_posix() for path in table["path"]],
            "age_low": table["age_low"].astype("Int64"),
            "age_high": table["age_high"].astype("Int64"),
            "gender": table["gender"].map(dict(enumerate(GENDERS))),
        }
    )
    with atomic(args.output) as path:
        labels.to_csv(path, index=False)
    print(f"{args.output}: {len(table):,} pictures")


if __name__ == "__main__":
    cli.run(main)
