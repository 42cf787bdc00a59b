#!/usr/bin/env python3
"""Pictures per second of create_db.py, and of a plain loop of cv2.imread and cv2.resize.

python benchmarks/create_db.py --db utkface --data_dir data/UTKFace

Both sides take the same pictures, in turns, in one process: the plain loop on one thread, writing
nothing; create_db.py from the label file to the finished database, one thread a core.
"""

import statistics
import sys
import tempfile
import time
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import cv2

from src import cli
from src.data.create import create_database
from src.data.datasets import NAMES, Options, get_reader
from src.data.faces import Cut


def get_args():
    parser = cli.Parser(__doc__.splitlines()[0])
    parser.add_argument("--db", choices=NAMES, default="utkface", help="dataset")
    parser.add_argument("--data_dir", type=Path, required=True, help="folder of the dataset")
    parser.add_argument("--img_size", type=cli.positive_int, default=64, help="output image size")
    parser.add_argument("--turns", type=cli.positive_int, default=5, help="turns of both sides")
    return parser.parse_args()


def plain_loop(paths: list[str], img_size: int) -> float:
    """Seconds that a plain loop takes."""
    start = time.perf_counter()
    for path in paths:
        cv2.resize(cv2.imread(path), (img_size, img_size))
    return time.perf_counter() - start


def whole_script(args) -> float:
    """Seconds that create_database takes, to a folder that is deleted afterwards."""
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(StringIO()):
        start = time.perf_counter()
        with redirect_stderr(StringIO()):
            output = Path(folder) / "faces.mat"
            create_database(output, args.data_dir, Options(args.db), args.img_size, Cut())
        return time.perf_counter() - start


def main():
    args = get_args()
    table = get_reader(args.db)(args.data_dir, Options(args.db)).table
    paths = [str(args.data_dir / path) for path in table["path"] if (args.data_dir / path).exists()]
    plain_loop(paths, args.img_size)  # the files come from memory in all turns that count
    cv2.setNumThreads(1)
    plain, ours = [], []
    for _ in range(args.turns):
        plain.append(len(paths) / plain_loop(paths, args.img_size))
        ours.append(len(paths) / whole_script(args))
    print(f"plain loop: {statistics.median(plain):,.0f} pictures a second, of {len(paths):,}")
    print(f"create_db.py: {statistics.median(ours):,.0f} pictures a second")
    ratios = [b / a for a, b in zip(plain, ours, strict=True)]
    print(f"ratio: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    cli.run(main)
