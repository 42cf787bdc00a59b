#!/usr/bin/env python3
"""Photos per second through FaceFinder, and through a plain loop on one thread.

python benchmarks/photos.py photo.jpg --side 4000 --copies 24
python benchmarks/photos.py data/AllAgeFaces/images/0*1A*.jpg --side 400

The photos are resized to --side, written as JPEGs and read by both sides in turns: the loop decodes
each whole and detects and crops its faces with OpenCV on one thread, as one would write it;
`FaceFinder.find_all` uses all cores and decodes as much as it needs. Printed are photos per second,
the ratio, the number of faces of both, the largest difference of their boxes as a share of the
face's side, and the mean difference of their crops in grey levels.
"""

import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import cv2
import numpy as np

from benchmarks.turns import in_turns, ratio
from src import cli, flags
from src.faces.crop import FaceCrop
from src.faces.detectors import DEFAULT_DETECTOR, DETECTORS
from src.faces.finder import FaceFinder, Found
from src.faces.images import read_image
from src.flags import flag

SIDES = ("loop", "find_all")


@dataclass(frozen=True, kw_only=True)
class Arguments:
    photos: tuple[Path, ...] = flag(positional=True, help="image files")
    side: int = flag(4000, limits="[16, inf)", help="longer side, in pixels")
    copies: int = flag(1, limits="[1, inf)", help="copies of each photo")
    detector: str = flag(DEFAULT_DETECTOR, choices=tuple(DETECTORS), help="face detector")
    min_face: int | None = flag(None, limits="[1, inf)", help="minimum side of a face, in pixels")
    size: int = flag(136, limits="[1, inf)", help="side of the crops, in pixels")
    alignment: str = flag("face_chip", help="alignment of the crops")
    margin: float = flag(0.25, help="margin of the crops")
    turns: int = flag(3, limits="[1, inf)", help="number of repetitions, in alternation")


def write_photos(photos: tuple[Path, ...], side: int, copies: int, folder: Path) -> list[Path]:
    """JPEGs of the photos with `side` pixels on the longer side."""
    paths = []
    for i, photo in enumerate(photos):
        image = read_image(photo)
        factor = side / max(image.shape[:2])
        how = cv2.INTER_CUBIC if factor > 1 else cv2.INTER_AREA
        image = cv2.resize(image, None, fx=factor, fy=factor, interpolation=how)
        content = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes()
        for copy in range(copies):
            paths.append(folder / f"{i}-{copy}.jpg")
            paths[-1].write_bytes(content)
    return paths


def differences(one: list[Found], other: list[Found]) -> str:
    """Counts of faces, and the differences of the boxes and crops of the same faces."""
    boxes, crops = [0.0], [0.0]
    for a, b in zip(one, other, strict=True):
        if len(a.faces) == len(b.faces):
            for face, same in zip(a.faces, b.faces, strict=True):
                side = same.box.right - same.box.left
                boxes.append(np.abs(np.subtract(face.box, same.box)).max() / side)
            crops += [
                np.abs(x.astype(int) - y).mean() for x, y in zip(a.crops, b.crops, strict=True)
            ]
    counts = [sum(len(found.faces) for found in side) for side in (one, other)]
    return (
        f"faces {counts[0]} and {counts[1]}, boxes differ by at most {max(boxes):.1%}, "
        f"crops by {np.mean(crops[1:] or crops):.2f} grey levels in the mean"
    )


def main(argv=()):
    args = flags.parse(Arguments, argv, __doc__)
    finder = FaceFinder(
        args.detector, args.min_face, FaceCrop(args.size, args.margin, args.alignment)
    )
    finder.load()
    found = {}

    def loop(paths: list[Path]) -> list[Found]:
        cv2.setNumThreads(1)
        return [finder.find(read_image(path)) for path in paths]

    with tempfile.TemporaryDirectory() as folder:
        paths = write_photos(args.photos, args.side, args.copies, Path(folder))

        def rate(name: str) -> float:
            start = time.perf_counter()
            found[name] = loop(paths) if name == "loop" else [*finder.find_all(paths)]
            return len(paths) / (time.perf_counter() - start)

        rates = in_turns({name: lambda name=name: rate(name) for name in SIDES}, args.turns)
    for name, values in rates.items():
        print(f"{name:10} {np.median(values):6.1f} photos per second")
    print(f"ratio      {ratio(rates['loop'], rates['find_all'], digits=2)}")
    print(differences(found["find_all"], found["loop"]))


if __name__ == "__main__":
    cli.run(main)
