#!/usr/bin/env python3
"""Recall, precision and time of the face detectors, on pictures whose faces are marked.

python benchmarks/detectors.py groups/testing.xml groups/training.xml --no_face groups/dogs.jpg

The XML files are of dlib's form (imglab writes them) and mark every face of the pictures beside
them. A face counts as found when its box and the marked one, matched one to one, overlap by
--overlap. Boxes are also compared with those that dlib draws around the same faces: the side's
ratio, and how far dlib's centre lies to the right and down, in sides; medians, 1 and 0 at best.
Detectors take the pictures in turns, and their time is given as a ratio to dlib's.
"""

import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from scipy.optimize import linear_sum_assignment
from tabulate import tabulate

from benchmarks.turns import in_turns, ratio
from src import cli
from src.errors import UserError
from src.faces.detectors import DETECTORS, Detect, get_detector
from src.faces.images import Box, overlap, read_image

HEADERS = "detector recall precision found wrong side right down seconds time".split()


def get_args():
    parser = cli.Parser(__doc__.splitlines()[0])
    parser.add_argument("marked", type=Path, nargs="+", help="XML files with the faces' boxes")
    parser.add_argument(
        "--no_face", type=Path, nargs="+", default=[], help="pictures without a face"
    )
    parser.add_argument(
        "--overlap", type=cli.fraction, default=0.4, help="intersection over union of a found face"
    )
    parser.add_argument(
        "--min_face", type=cli.positive_int, help="pixels of the smallest face wanted"
    )
    parser.add_argument("--turns", type=cli.positive_int, default=3, help="turns of all detectors")
    return parser.parse_args()


def marked_pictures(file: Path) -> Iterator[tuple[np.ndarray, list[Box]]]:
    """The pictures of an XML file, uint8 (H, W, 3), BGR, and the boxes of their faces."""
    for image in ElementTree.parse(file).getroot().iter("image"):
        boxes = []
        for box in image.iter("box"):
            left, top, width, height = (int(box.get(k)) for k in ("left", "top", "width", "height"))
            boxes.append(Box(left, top, left + width, top + height))
        yield read_image(file.parent / image.get("file")), boxes


def matched(boxes: list[Box], others: list[Box], least: float) -> list[tuple[Box, Box]]:
    """Pairs of boxes of the same face: one to one, with the greatest overlaps in all."""
    overlaps = np.array([[overlap(a, b) for b in others] for a in boxes])
    overlaps = overlaps.reshape(len(boxes), len(others))  # also where one has none
    pairs = zip(*linear_sum_assignment(overlaps, maximize=True), strict=True)
    return [(boxes[i], others[j]) for i, j in pairs if overlaps[i, j] >= least]


def placement(box: Box, dlibs: Box) -> tuple[float, float, float]:
    """Side of dlib's box, and its centre to the right and down of `box`'s, in sides of `box`."""
    side = (box.right - box.left + box.bottom - box.top) / 2
    right = (dlibs.left + dlibs.right - box.left - box.right) / 2
    down = (dlibs.top + dlibs.bottom - box.top - box.bottom) / 2
    return (dlibs.right - dlibs.left) / side, right / side, down / side


def installed(min_face: int | None) -> dict[str, Detect]:
    """The detectors that look for faces; those that are not installed are named on stderr."""
    detectors = {}
    for name in DETECTORS:
        try:
            detectors[name] = get_detector(name, min_face)
        except UserError as error:
            print(f"left out: {name}: {error}", file=sys.stderr)
    del detectors["none"]
    return detectors


def figures(
    found: list[list[Box]], dlibs: list[list[Box]], marked: list[list[Box]], least: float
) -> list[str]:
    """A detector's cells of the table, but for its time; all lists have a picture's boxes each."""
    hits, faces, boxes = (
        sum(len(matched(a, b, least)) for a, b in zip(found, marked, strict=True)),
        sum(map(len, marked)),
        sum(map(len, found)),
    )
    places = [
        placement(*pair)
        for own, dlib in zip(found, dlibs, strict=True)
        for pair in matched(own, dlib, least)
    ]
    side, right, down = np.median(places, axis=0)
    shares = [f"{hits / faces:.1%}", f"{hits / boxes:.1%}", f"{hits}/{faces}", boxes - hits]
    return [*shares, f"{side:.2f}", f"{right:+.2f}", f"{down:+.2f}"]


def main():
    args = get_args()
    pictures = [picture for file in args.marked for picture in marked_pictures(file)]
    pictures += [(read_image(path), []) for path in args.no_face]
    images, marked = zip(*pictures, strict=True)
    detectors = installed(args.min_face)
    found = {}

    def seconds(name: str) -> float:
        start = time.perf_counter()
        found[name] = [detectors[name](image) for image in images]
        return (time.perf_counter() - start) / len(images)

    for detect in detectors.values():
        detect(images[0])  # what is loaded once does not count
    taken = in_turns({name: lambda name=name: seconds(name) for name in detectors}, args.turns)
    rows = [
        [
            name,
            *figures(found[name], found["dlib"], marked, args.overlap),
            f"{statistics.median(taken[name]):.2f}",
            ratio(taken["dlib"], taken[name], digits=1),
        ]
        for name in detectors
    ]
    print(tabulate(rows, HEADERS, disable_numparse=True))


if __name__ == "__main__":
    cli.run(main)
