#!/usr/bin/env python3
"""Processor milliseconds per face of weight files and exports, as demo.py calls them.

taskset -c 0 python benchmarks/prediction.py --weight_file one.hdf5 one.onnx one.tflite
"""

import statistics
import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np

from benchmarks.turns import in_turns, ratio
from src import cli, flags
from src.estimation.arguments import WeightFlags
from src.flags import flag

BATCHES = (1, 32)  # faces at once


@dataclass(frozen=True, kw_only=True)
class Arguments(WeightFlags):
    weight_file: tuple[Path, ...] = flag((None,), help="weight files (default: the shipped one)")
    turns: int = flag(20, limits="[1, inf)", help="number of repetitions, in alternation")


def milliseconds(estimator, faces: np.ndarray) -> float:
    """Processor time of one call per face; other programs do not count."""
    start = time.process_time()
    estimator(faces)
    return 1000 * (time.process_time() - start) / len(faces)


def main(argv=()):
    args = flags.parse(Arguments, argv, __doc__)
    from src.estimation.estimator import Estimator
    from src.workers import available_cores

    print(f"{available_cores()} core(s)")
    estimators = [Estimator(path, original=args.original) for path in args.weight_file]
    sides = {estimator.weight_file: estimator for estimator in estimators}
    rng = np.random.default_rng(0)
    for count in BATCHES:
        faces = {
            path: rng.integers(
                0, 256, (count, estimator.crop.size, estimator.crop.size, 3), np.uint8
            )
            for path, estimator in sides.items()
        }
        for path, estimator in sides.items():
            estimator(faces[path])  # compiles
        calls = {path: partial(milliseconds, sides[path], faces[path]) for path in sides}
        times = in_turns(calls, args.turns)
        first, *others = times
        for path, measured in times.items():
            print(f"{count} at once, {path.name}: {statistics.median(measured):.1f} ms per face")
        for path in others:
            print(f"  {path.name} to {first.name}:", ratio(times[first], times[path], digits=1))


if __name__ == "__main__":
    cli.run(main)
