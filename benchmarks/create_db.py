#!/usr/bin/env python3
"""Images per second of create_db.py, and of a plain loop of cv2.imread and cv2.resize.

python benchmarks/create_db.py --db utkface --data_dir data/UTKFace

All sides read the same images, in turns, in one process: the plain loop on one thread, writing
nothing; the same loop on one thread per core; and create_db.py from the label file to the finished
database, on one thread per core. Ratios of processor time are those of one core, also on a machine
that other work keeps busy.
"""

import os
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import cv2

from benchmarks.turns import in_turns, ratio
from src import cli, flags
from src.data import arguments as create_db
from src.data.create import create_database
from src.data.datasets import DATASETS, read_dataset
from src.flags import flag


@dataclass(frozen=True, kw_only=True)
class Arguments:
    db: str = flag("utkface", choices=tuple(DATASETS), help="dataset")
    data_dir: Path = flag(help="folder of the dataset")
    img_size: int = flag(64, limits="[1, inf)", help="output image size")
    turns: int = flag(5, limits="[1, inf)", help="number of repetitions, in alternation")


def plain_loop(paths: list[str], img_size: int, threads: int = 1) -> None:
    """Read and resize images that are divided among `threads`."""

    def share(number: int) -> None:
        for path in paths[number::threads]:
            cv2.resize(cv2.imread(path), (img_size, img_size))

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(share, range(threads)))


def whole_script(args: Arguments) -> None:
    """Run create_database, to a folder that is deleted afterwards."""
    with (
        tempfile.TemporaryDirectory() as folder,
        redirect_stdout(StringIO()),
        redirect_stderr(StringIO()),
    ):
        options = {"db": args.db, "data_dir": args.data_dir, "img_size": args.img_size}
        create_database(create_db.Arguments(output=Path(folder) / "faces.mat", **options))


def main(argv=()):
    args = flags.parse(Arguments, argv, __doc__)
    table = read_dataset(args.db, args.data_dir).table
    paths = [str(args.data_dir / path) for path in table["path"] if (args.data_dir / path).exists()]
    cpu = defaultdict(list)

    def clocked(name: str, work: Callable[[], None]) -> Callable[[], float]:
        def seconds() -> float:
            start, busy = time.perf_counter(), time.process_time()
            work()
            cpu[name].append(time.process_time() - busy)
            return time.perf_counter() - start

        return seconds

    sides = {
        "plain loop": lambda: plain_loop(paths, args.img_size),
        "plain loop, one thread per core": lambda: plain_loop(paths, args.img_size, os.cpu_count()),
        "create_db.py": lambda: whole_script(args),
    }
    plain_loop(paths, args.img_size)  # afterwards the files are cached
    cv2.setNumThreads(1)
    whole_script(args)  # loads libraries
    seconds = in_turns({name: clocked(name, work) for name, work in sides.items()}, args.turns)
    for name, taken in seconds.items():
        print(
            f"{name}: {len(paths) / statistics.median(taken):,.0f} images per second, ratio "
            f"{ratio(taken, seconds['plain loop'], digits=2)}, of processor time "
            f"{ratio(cpu[name], cpu['plain loop'], digits=2)}"
        )


if __name__ == "__main__":
    cli.run(main)
