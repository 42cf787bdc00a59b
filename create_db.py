#!/usr/bin/env python3
"""This script cleans up noisy labels and creates a database for training.

python create_db.py --db wiki --img_size 64 --output data/wiki_db.mat
python create_db.py --db csv --data_dir my_photos --detect --img_size 64 --output data/mine_db.mat
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))  # also with python -P and -I

from src import cli, flags
from src.data.arguments import Arguments


def main(argv=()):
    arguments = flags.parse(Arguments, argv, __doc__)
    from tabulate import tabulate

    from src.data.create import create_database

    counts, files = create_database(arguments)
    print(tabulate(counts.items(), headers=("rule", "rows"), intfmt=","))
    print("wrote", *files)


if __name__ == "__main__":
    cli.run(main)
