#!/usr/bin/env python3
"""demo.py and the original toolkit's loop on a clip: start, frames per second, faces found.

python benchmarks/demo.py --video clip.mp4
"""

import csv
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.turns import in_turns, ratio
from src import cli, flags
from src.flags import flag

ROOT = Path(__file__).parents[1]
SAME_FACE = 0.4  # intersection over union
THEIRS = "the original's way"


class Run(NamedTuple):
    """Seconds from the start to the first frame's line, frames a second after it, and the boxes."""

    first: float
    rate: float
    boxes: dict[str, list[tuple]]


@dataclass(frozen=True, kw_only=True)
class Arguments:
    video: Path = flag(help="video file")
    weight_file: Path | None = flag(None, help="weight file (default: the shipped weights)")
    original: Path = flag(
        ROOT / "pretrained_models" / "weights.28-3.73.hdf5", help="weights of the original toolkit"
    )
    min_face: int | None = flag(
        None, limits="[1, inf)", help="minimum side of a face to detect, see demo.py"
    )
    turns: int = flag(3, limits="[1, inf)", help="number of repetitions, in alternation")


def run(script: str, *args) -> Run:
    """Run a script on the clip, as a user does, and record when its first frame is done."""
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder, "faces.csv")
        command = [sys.executable, ROOT / script, *args, "--output_dir", folder, "--csv", rows]
        start, seen = time.perf_counter(), {}
        with subprocess.Popen(
            list(map(str, command)), stdout=subprocess.PIPE, text=True
        ) as process:
            for line in process.stdout:
                seen.setdefault(line.partition(":")[0], time.perf_counter())
        if process.returncode:
            raise SystemExit(process.returncode)
        boxes = defaultdict(list)
        with rows.open(newline="") as file:
            for row in csv.DictReader(file):
                if row["left"]:
                    box = (int(row[side]) for side in ("left", "top", "right", "bottom"))
                    boxes[row["file"]].append(tuple(box))
    first, *_, last = seen.values()
    return Run(first - start, (len(seen) - 1) / (last - first), boxes)


def found(ours: Run, theirs: Run) -> str:
    """The share of the faces that their way finds that ours finds too."""
    from src.faces.images import overlap

    hits = [
        max((overlap(box, own) for own in ours.boxes.get(name, [])), default=0) >= SAME_FACE
        for name, boxes in theirs.boxes.items()
        for box in boxes
    ]
    return f"{sum(hits)} of {len(hits)} faces, {sum(hits) / len(hits):.1%}"


def main(argv=()):
    args = flags.parse(Arguments, argv, __doc__)
    ours = ["demo.py", args.video, "--no_display"]
    for name in ("weight_file", "min_face"):
        if value := getattr(args, name):
            ours += [f"--{name}", value]
    original = ("--video", args.video, "--weight_file", args.original)
    sides = {THEIRS: ("benchmarks/original_demo.py", *original), "demo.py": ours}
    runs = in_turns({name: partial(run, *side) for name, side in sides.items()}, args.turns)
    theirs = runs[THEIRS]
    for name, own in runs.items():
        rate, first = (
            statistics.median(getattr(r, what) for r in own) for what in ("rate", "first")
        )
        print(f"{name}: {rate:.1f} frames a second, the first after {first:.1f} s")
        if own is not theirs:
            print(
                "  frames a second, ratio:",
                ratio([r.rate for r in theirs], [r.rate for r in own], 1),
            )
            print(
                "  time to the first, ratio:",
                ratio([r.first for r in theirs], [r.first for r in own], 2),
            )
            print("  of what the original's way finds:", found(own[0], theirs[0]))


if __name__ == "__main__":
    cli.run(main)
