#!/usr/bin/env python3
"""Recall, precision and time of the face detectors, on images whose faces are marked.

python benchmarks/detectors.py groups/testing.xml groups/training.xml --no_face groups/dogs.jpg \
    --one_person data/wiki_crop --turn 20 40 60

The XML files are in dlib's format (imglab writes it) and mark every face of the images next to
them. A face counts as found if its box and the marked one, matched one to one, overlap by
--overlap. Boxes are also compared with dlib's boxes of the same faces: ratio of the sides, and
offset of dlib's centre to the right and down, in sides; medians, 1 and 0 at best. --turn rotates
the images, and the marked boxes' centres with them, by each angle clockwise and anticlockwise.
--one_person adds recall, and boxes elsewhere, on photos of one person from IMDB-WIKI, whose own
detector had placed the face in the middle 1 / 1.8 of the crop. The detectors take turns; the
times are seconds of processor time per image, of one thread, and their ratio to dlib's.
"""

import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

sys.path.insert(0, str(Path(__file__).parents[1]))

import cv2
import numpy as np
from scipy.optimize import linear_sum_assignment
from tabulate import tabulate

from benchmarks.turns import in_turns, ratio
from src import cli, flags
from src.data.datasets import read_dataset
from src.errors import UserError
from src.faces.detectors import DETECTORS, get_detector
from src.faces.images import Box, overlap, read_image
from src.flags import flag

HEADERS = "detector recall precision found wrong side right down seconds time".split()
SEARCHING = tuple(name for name in DETECTORS if name != "none")
IN_CROP = 1 / 1.8  # side of the face in IMDB-WIKI's crops, whose margin is 0.4
SAME_PLACE = 0.3  # overlap of a box with the middle of such a crop

Detect = Callable[[np.ndarray], list[Box]]


@dataclass(frozen=True, kw_only=True)
class Arguments:
    marked: tuple[Path, ...] = flag(positional=True, help="XML files with the faces' boxes")
    no_face: tuple[Path, ...] = flag((), help="images without a face")
    overlap: float = flag(0.4, limits="(0, 1)", help="intersection over union of a found face")
    min_face: int | None = flag(
        None, limits="[1, inf)", help="minimum side of a face box, in pixels"
    )
    turn: tuple[int, ...] = flag(
        (), limits="[1, inf)", help="angles in degrees, for recall on rotated faces"
    )
    detector: tuple[str, ...] = flag(
        SEARCHING, choices=SEARCHING, help="detectors to compare with dlib"
    )
    one_person: Path | None = flag(None, help="folder of photos of one person")
    photos: int = flag(400, limits="[1, inf)", help="number of photos of one person")
    turns: int = flag(3, limits="[1, inf)", help="number of repetitions, in alternation")


def marked_images(file: Path) -> Iterator[tuple[np.ndarray, list[Box]]]:
    """The images of an XML file, uint8 (H, W, 3), BGR, and the boxes of their faces."""
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


def installed(names: list[str], min_face: int | None) -> dict[str, Detect]:
    """The named detectors and dlib; detectors that are not installed are reported on stderr."""
    detectors = {}
    for name in [name for name in SEARCHING if name in {*names, "dlib"}]:
        try:
            find = get_detector(name)
            detectors[name] = lambda image, find=find: [face.box for face in find(image, min_face)]
        except UserError as error:
            print(f"skipped: {name}: {error}", file=sys.stderr)
    return detectors


def figures(
    found: list[list[Box]], dlibs: list[list[Box]], marked: list[list[Box]], least: float
) -> list[str]:
    """A detector's cells of the table, but for its time; all lists have an image's boxes each."""
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


def turned(image: np.ndarray, boxes: list[Box], degrees: float) -> tuple[np.ndarray, list[Box]]:
    """An image rotated about its centre, whole, and the boxes of its faces."""
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    sides = np.abs(matrix[:, :2]) @ (width, height)
    matrix[:, 2] += (sides - (width, height)) / 2
    rotated = cv2.warpAffine(image, matrix, np.ceil(sides).astype(int).tolist())
    moved = []
    for left, top, right, bottom in boxes:
        x, y = matrix @ ((left + right) / 2, (top + bottom) / 2, 1)
        half = (right - left) / 2
        moved.append(Box(*(round(edge) for edge in (x - half, y - half, x + half, y + half))))
    return rotated, moved


def recall_turned(
    detect: Detect, images: list[np.ndarray], marked: list[list[Box]], degrees: int, least: float
) -> str:
    hits = faces = 0
    for angle in (-degrees, degrees):
        for image, boxes in zip(images, marked, strict=True):
            rotated, moved = turned(image, boxes, angle)
            hits += len(matched(detect(rotated), moved, least))
            faces += len(moved)
    return f"{hits / faces:.1%}"


def one_person(folder: Path, count: int) -> list[np.ndarray]:
    """Photos of one person each, drawn at random among IMDB-WIKI's cleaned records."""
    records = read_dataset("wiki", folder).table
    paths = [path for path in map(folder.joinpath, records["path"]) if path.is_file()]
    chosen = np.random.default_rng(0).choice(len(paths), min(count, len(paths)), replace=False)
    return [read_image(paths[row]) for row in chosen]


def of_one_person(detect: Detect, images: list[np.ndarray]) -> list[str]:
    """Recall on photos of one person, boxes elsewhere, and milliseconds of processor time."""
    start, hits, boxes = time.process_time(), 0, 0
    for image in images:
        found = detect(image)
        middle = np.array(image.shape[1::-1]) / 2
        half = min(image.shape[:2]) * IN_CROP / 2
        hits += any(
            overlap(box, (*(middle - half), *(middle + half))) > SAME_PLACE for box in found
        )
        boxes += len(found)
    milliseconds = 1000 * (time.process_time() - start) / len(images)
    return [f"{hits / len(images):.1%}", boxes - hits, f"{milliseconds:.1f}"]


def main(argv=()):
    args = flags.parse(Arguments, argv, __doc__)
    cv2.setNumThreads(1)
    photos = [photo for file in args.marked for photo in marked_images(file)]
    photos += [(read_image(path), []) for path in args.no_face]
    images, marked = zip(*photos, strict=True)
    detectors = installed(args.detector, args.min_face)
    found = {}

    def seconds(name: str) -> float:
        start = time.process_time()
        found[name] = [detectors[name](image) for image in images]
        return (time.process_time() - start) / len(images)

    for detect in detectors.values():
        detect(images[0])  # what is loaded once does not count
    taken = in_turns({name: lambda name=name: seconds(name) for name in detectors}, args.turns)
    rows = [
        [
            name,
            *figures(found[name], found["dlib"], marked, args.overlap),
            f"{statistics.median(taken[name]):.3f}",
            ratio(taken["dlib"], taken[name], digits=1),
        ]
        for name in detectors
    ]
    print(tabulate(rows, HEADERS, disable_numparse=True))
    more = {name: [] for name in detectors}
    headers = ["detector", *(f"turned {degrees}" for degrees in args.turn)]
    for name, detect in detectors.items():
        more[name] += [recall_turned(detect, images, marked, d, args.overlap) for d in args.turn]
    if args.one_person:
        headers += ["one person", "elsewhere", "ms"]
        photos = one_person(args.one_person, args.photos)
        for name, detect in detectors.items():
            more[name] += of_one_person(detect, photos)
    if len(headers) > 1:
        rows = [[name, *cells] for name, cells in more.items()]
        print("\n" + tabulate(rows, headers, disable_numparse=True))


if __name__ == "__main__":
    cli.run(main)
