#!/usr/bin/env python3
"""Sizes, differences and speed of all exports of a weight file, as docs/export.md shows them.

python benchmarks/export.py --input data/utkface_db.mat
"""

import statistics
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np

from benchmarks.prediction import milliseconds
from benchmarks.turns import in_turns
from src import cli, flags
from src.errors import UserError
from src.estimation.arguments import WeightFlags
from src.extras import import_keras
from src.flags import flag

NAMES = {"onnx": "m.onnx", "litert": "m.tflite", "keras": "m.keras"}
PRECISIONS = {"onnx": ("fp16", "int8"), "litert": ("fp16", "int8"), "hdf5": ("fp16",)}
COLUMNS = (
    "`--format` | size | gender: maximum | 99 % | age: maximum | 99 % "
    "| ms per face: 1 at once | 32 at once"
)


@dataclass(frozen=True, kw_only=True)
class Arguments(WeightFlags):
    input: Path = flag(help="database of faces of the model's size", short="-i")
    turns: int = flag(10, help="number of timings, in alternation", limits="[1, inf)")


def main(argv=()):
    args = flags.parse(Arguments, argv, __doc__)
    import_keras()
    from src.estimation.estimator import Estimator
    from src.export import FORMATS
    from src.export.arguments import Arguments as Export
    from src.export.export import export

    with TemporaryDirectory() as folder:
        exported, sides = {}, {}
        for format, runtime in FORMATS.items():
            for precision in ("float32", *PRECISIONS.get(format, ())):
                name = f"{format} --{precision}".removesuffix(" --float32")
                output = Path(folder, f"{name.replace(' ', '')}_{NAMES.get(format, 'm')}")
                options = {} if precision == "float32" else {precision: True}
                model = {"weight_file": args.weight_file, "input": args.input}
                try:
                    exported[name] = export(
                        Export(format=format, output=output, **model, **options)
                    )
                except UserError as error:  # legacy exists for one network only
                    print(f"{name}: {error}", file=sys.stderr)
                    continue
                sides[name] = Estimator(output, runtime)
        rng, size = np.random.default_rng(0), next(iter(sides.values())).crop.size
        times = []
        for count in (1, 32):
            faces = rng.integers(0, 256, (count, size, size, 3), np.uint8)
            calls = {name: partial(milliseconds, each, faces) for name, each in sides.items()}
            for call in calls.values():
                call()  # compiles
            times.append(in_turns(calls, args.turns))
        print(f"| {COLUMNS} |\n|---{7 * '|--:'}|")
        for name, each in exported.items():
            (gender, gender_99), (age, age_99) = each.differences.values()
            single, many = (statistics.median(measured[name]) for measured in times)
            print(
                f"| `{name}` | {each.size / 1e6:.1f} MB | {gender:.1e} | {gender_99:.1e} "
                f"| {age:.2g} | {age_99:.2g} | {single:.1f} | {many:.1f} |"
            )


if __name__ == "__main__":
    cli.run(main)
