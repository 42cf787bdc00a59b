#!/usr/bin/env python3
"""Shuffled faces per second from a database on disk, and from an array in memory.

python benchmarks/reading.py --input data/wiki_db.mat

With --cgroup, an empty memory cgroup such as /sys/fs/cgroup/memory/reading, the process has a third
of the memory that the database takes, and the file is not in the page cache at the start.
"""

import os
import statistics
import sys
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np

from benchmarks.memory import set_limit, uncache
from benchmarks.turns import in_turns, ratio
from src import cli, flags
from src.flags import flag


@dataclass(frozen=True, kw_only=True)
class Arguments:
    input: Path = flag(short="-i", help="database")
    batch_size: int = flag(32, limits="[1, inf)", help="batch size")
    turns: int = flag(5, limits="[1, inf)", help="number of repetitions, in alternation")
    cgroup: Path | None = flag(None, help="empty memory cgroup that limits the memory")


def rate(batches) -> float:
    """Faces per second over an epoch."""
    start = time.perf_counter()
    faces = sum(len(batches[i][0]) for i in range(len(batches)))
    batches.on_epoch_end()
    return faces / (time.perf_counter() - start)


def limit_memory(cgroup: Path, database: Path) -> int:
    """Limit this process's memory to a third of a file, which leaves the cache; returns bytes."""
    limit = database.stat().st_size // 3
    set_limit(cgroup, limit)
    (cgroup / "cgroup.procs").write_text(str(os.getpid()))
    uncache(database)
    return limit


def main(argv=()):
    args = flags.parse(Arguments, argv, __doc__)
    from src.data.database import open_database
    from src.training.arguments import Arguments as TrainingArguments
    from src.training.batches import FaceBatches

    if args.cgroup:
        limit = limit_memory(args.cgroup, args.input)
    mapped = open_database(args.input)
    rows = np.arange(len(mapped))
    databases = {"from disk": mapped}
    if not args.cgroup:
        databases = {"in memory": replace(mapped, image=mapped.image[rows])} | databases
    arguments = TrainingArguments([args.input], batch_size=args.batch_size)
    sides = {
        name: partial(rate, FaceBatches(database, rows, arguments, is_training=True))
        for name, database in databases.items()
    }
    rates = in_turns(sides, args.turns)
    for name, measured in rates.items():
        print(f"{name}: {statistics.median(measured):,.0f} faces per second")
    if args.cgroup:
        print(f"limit of memory: {limit / 1e6:,.0f} MB")
    else:
        print("ratio:", ratio(*rates.values(), digits=2))


if __name__ == "__main__":
    cli.run(main)
