#!/usr/bin/env python3
"""Train a network for age and gender estimation on a database made by create_db.py.

python train.py --input data/wiki_db.mat --aug
"""

import sys

from src import cli
from src.training.run import parse


def main():
    parser = cli.Parser("This script trains the CNN model for age and gender estimation.")
    arguments = parse(parser, sys.argv[1:])
    with cli.quiet_import():
        from tabulate import tabulate

        from src.training.fit import train

    trained = train(arguments)
    print(tabulate([trained.row], headers="keys", floatfmt=".3f"))
    print("best checkpoint:", trained.best_file)


if __name__ == "__main__":
    cli.run(main)
