#!/usr/bin/env python3
"""Shuffled faces per second from a database on disk, and from an array in memory.

python benchmarks/reading.py --input data/wiki_db.mat
"""

import statistics
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np

from benchmarks.turns import in_turns, ratio
from src import cli


def get_args():
    parser = cli.Parser(__doc__)
    parser.add_argument("--input", "-i", type=Path, required=True, help="database")
    parser.add_argument("--batch_size", type=cli.positive_int, default=32, help="batch size")
    parser.add_argument(
        "--turns", type=cli.positive_int, default=5, help="number of repetitions, in alternation"
    )
    return parser.parse_args()


def rate(batches) -> float:
    """Faces per second over an epoch."""
    start = time.perf_counter()
    faces = sum(len(batches[i][0]) for i in range(len(batches)))
    batches.on_epoch_end()
    return faces / (time.perf_counter() - start)


def main():
    args = get_args()
    with cli.quiet_import():
        from src.data.database import open_database
        from src.training.batches import FaceBatches

    mapped = open_database(args.input)
    rows = np.arange(len(mapped))
    held = replace(mapped, image=mapped.image[rows])
    sides = {
        name: FaceBatches(database, rows, args.batch_size, shuffle=True)
        for name, database in (("in memory", held), ("from disk", mapped))
    }
    rates = in_turns({name: partial(rate, batches) for name, batches in sides.items()}, args.turns)
    for name, measured in rates.items():
        print(f"{name}: {statistics.median(measured):,.0f} faces per second")
    print("ratio:", ratio(*rates.values(), digits=2))


if __name__ == "__main__":
    cli.run(main)
