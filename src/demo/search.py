"""Finding and cutting the faces of pictures, in several processes where there are many."""

import sys
from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from src.demo.sources import Picture
from src.faces.crop import get_box_cutter
from src.faces.detectors import get_detector
from src.faces.images import Box, ImageError, read_image
from src.workers import map_in_order

FEW = 8  # pictures that are done before another process is ready


class Found(NamedTuple):
    """A picture, the boxes of its faces, and the faces, uint8 (N, S, S, 3), BGR."""

    picture: Picture
    boxes: list[Box]
    faces: np.ndarray


@dataclass(frozen=True)
class Search:
    """How faces are found and cut: what `get_detector` and `get_box_cutter` take."""

    detector: str
    min_face: int | None
    align: str
    margin: float
    img_size: int

    def tools(self):
        """The detector, from a picture to boxes, and the cutter, from both to faces."""
        detect = get_detector(self.detector, self.min_face)
        return detect, get_box_cutter(self.align, self.margin, self.img_size)


_tools = lru_cache(Search.tools)  # one of each in every process


def find_faces(search: Search, named: tuple[str, Path]) -> Found | ImageError:
    """The faces of one picture; or why it could not be read."""
    name, path = named
    try:
        image = read_image(path)
    except FileNotFoundError:
        return ImageError(f"{path}: expected a picture, it is gone")
    except ImageError as error:
        return error
    detect, cut = _tools(search)
    boxes = detect(image)
    return Found(Picture(name, image), boxes, cut(image, boxes))


def find_all(search: Search, pictures: dict[str, Path]) -> Generator[Found]:
    """The faces of pictures in their order; those that cannot be read are reported on stderr."""
    find = partial(find_faces, search)
    search_all = map_in_order if len(pictures) > FEW else _one_by_one
    with closing(search_all(find, pictures.items())) as found:
        for item in found:
            if isinstance(item, Found):
                yield item
            else:
                print(f"left out: {item}", file=sys.stderr, flush=True)


def _one_by_one(find: Callable, items: Iterable) -> Generator:
    yield from map(find, items)
