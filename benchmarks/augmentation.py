#!/usr/bin/env python3
"""Faces per second of both kinds of --aug, and of the original toolkit's augmentation.

python benchmarks/augmentation.py --input data/wiki_db.mat

The original's `ImageDataGenerator` shifts and flips one image at a time, random erasing is its
preprocessing function, and mixup draws a second batch. All run on one core, in turns, in one
process.
"""

import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import cv2
import numpy as np

from benchmarks.turns import in_turns, ratio
from src import cli, flags
from src.flags import flag

BATCH_SIZE = 32


@dataclass(frozen=True, kw_only=True)
class Arguments:
    input: Path = flag(short="-i", help="database")
    seconds: float = flag(3.0, limits="(0, inf)", help="seconds per repetition")
    turns: int = flag(5, limits="[1, inf)", help="number of repetitions, in alternation")


def per_picture(
    faces: np.ndarray, targets: list[np.ndarray], batch_size: int = BATCH_SIZE
) -> Iterator[tuple]:
    """The original toolkit's batches: mixup of two batches, then a transform of each picture."""
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    generator = ImageDataGenerator(
        width_shift_range=0.1,
        height_shift_range=0.1,
        horizontal_flip=True,
        preprocessing_function=erase,
    )
    while True:
        rows = np.random.permutation(len(faces))
        for start in range(0, len(rows) - 2 * batch_size + 1, 2 * batch_size):
            one, two = np.split(rows[start : start + 2 * batch_size], 2)
            share = np.random.beta(0.2, 0.2, batch_size)
            kept = share.reshape(-1, 1, 1, 1)
            batch = faces[one] * kept + faces[two] * (1 - kept)
            for i, picture in enumerate(batch):
                batch[i] = generator.standardize(generator.random_transform(picture))
            kept = share.reshape(-1, 1)
            yield batch, [target[one] * kept + target[two] * (1 - kept) for target in targets]


def erase(picture: np.ndarray) -> np.ndarray:
    """Random erasing of one picture."""
    height, width, _ = picture.shape
    if np.random.rand() > 0.5:
        return picture
    while True:
        area = np.random.uniform(0.02, 0.4) * height * width
        aspect = np.random.uniform(0.3, 1 / 0.3)
        w, h = int(np.sqrt(area / aspect)), int(np.sqrt(area * aspect))
        left, top = np.random.randint(0, width), np.random.randint(0, height)
        if left + w <= width and top + h <= height:
            break
    picture[top : top + h, left : left + w] = np.random.uniform(0, 255)
    return picture


def ours(database, aug: str) -> Iterator[tuple]:
    """This toolkit's batches, epoch after epoch."""
    from src.training.arguments import Arguments
    from src.training.batches import FaceBatches

    arguments = Arguments([], batch_size=BATCH_SIZE, aug=aug, erasing=0.5, mixup=0.2)
    batches = FaceBatches(database, np.arange(len(database)), arguments, is_training=True)
    while True:
        for i in range(len(batches)):
            yield batches[i]
        batches.on_epoch_end()


def rate(next_batch: Callable, seconds: float) -> float:
    """Faces per second over at least `seconds`."""
    faces, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        faces += len(next_batch()[0])
    return faces / (time.perf_counter() - start)


def main(argv=()):
    args = flags.parse(Arguments, argv, __doc__)
    from src.data.database import open_database
    from src.labels import age_targets, gender_targets

    cv2.setNumThreads(1)
    np.random.seed(0)
    database = open_database(args.input)
    targets = [
        gender_targets(database.gender),
        age_targets(database.age_low, database.age_high),
    ]
    in_memory = database.image[np.arange(len(database))]
    sides = {
        "per picture": per_picture(in_memory, targets),
        "--aug": ours(database, "plain"),
        "--aug strong": ours(database, "strong"),
    }
    for batches in sides.values():
        next(batches)  # loads libraries
    sides = {name: partial(rate, batches.__next__, args.seconds) for name, batches in sides.items()}
    rates = in_turns(sides, args.turns)
    size = database.crop.size
    for name, measured in rates.items():
        print(f"{name}: {statistics.median(measured):,.0f} faces per second at {size}x{size}")
    per_picture_rates, plain, strong = rates.values()
    print("--aug to per picture:", ratio(per_picture_rates, plain, digits=1))
    print("--aug strong to --aug:", ratio(plain, strong, digits=2))


if __name__ == "__main__":
    cli.run(main)
