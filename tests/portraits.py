"""Real faces from the sample data of matplotlib and scikit-image, as images and clips."""

from fractions import Fraction
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
from matplotlib import cbook

from tests.demo.made import write_timed

FRAMES, RATE = 120, Fraction(30_000, 1001)  # of clip.mp4
BOXES = (104, 80, 212, 188), (403, 92, 511, 200)  # faces of `two_people(640)`, found by dlib


@cache
def hopper() -> np.ndarray:
    """Grace Hopper, uint8 (600, 512, 3), BGR: one face of 209 pixels."""
    return cv2.imread(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))


@cache
def astronaut() -> np.ndarray:
    """Eileen Collins, uint8 (600, 600, 3), BGR: one face of 174 pixels."""
    [folder] = find_spec("skimage").submodule_search_locations
    image = cv2.imread(str(Path(folder) / "data" / "astronaut.png"))
    return cv2.resize(image[:300, 80:380], (600, 600), interpolation=cv2.INTER_CUBIC)


@cache
def nobody() -> np.ndarray:
    """A landscape, uint8 (427, 640, 3), BGR: no face."""
    [folder] = find_spec("sklearn").submodule_search_locations
    return cv2.imread(str(Path(folder) / "datasets" / "images" / "china.jpg"))


def two_people(width: int = 1112) -> np.ndarray:
    """Both portraits next to each other, uint8, BGR."""
    image = np.hstack([hopper(), astronaut()])
    size = (width, round(width * image.shape[0] / image.shape[1]))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def moving(image: np.ndarray, count: int, size: tuple[int, int]) -> list[np.ndarray]:
    """A camera moves over a portrait: `count` frames of `size`, (width, height)."""
    width = int(0.9 * image.shape[1])
    height = width * 3 // 4
    frames = []
    for angle in 2 * np.pi * np.arange(count) / 90:
        left = int((image.shape[1] - width) * (1 + np.sin(angle)) / 2)
        top = int(30 * (1 + np.cos(angle)))
        part = image[top : top + height, left : left + width]
        frames.append(cv2.resize(part, size, interpolation=cv2.INTER_AREA))
    return frames


def write_portraits(folder: Path) -> None:
    """Write hopper.jpg, astronaut.jpg, two_people.jpg, nobody.jpg and clip.mp4.

    clip.mp4 has `FRAMES` frames with one face. They are stored as 176x144 and shown as 192x144.
    """
    for portrait in (hopper, astronaut, two_people, nobody):
        cv2.imwrite(str(folder / f"{portrait.__name__}.jpg"), portrait())
    write_timed(
        folder / "clip.mp4",
        [i / RATE for i in range(FRAMES)],
        rate=RATE,
        images=moving(hopper(), FRAMES, (176, 144)),
        aspect=Fraction(12, 11),
    )
