"""Pictures: the one way to read, crop and resize them."""

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from src.errors import UserError


class ImageError(UserError):
    """A picture that cannot be read."""


class Box(NamedTuple):
    """A face in a picture, in its pixels: `left` and `top` inside, `right` and `bottom` outside.

    A detector's box may reach past the picture's border.
    """

    left: int
    top: int
    right: int
    bottom: int


def overlap(a: Sequence[float], b: Sequence[float]) -> float:
    """Intersection over union, 0..1, of two boxes."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    both = max(width, 0) * max(height, 0)
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def read_image(path: Path | str) -> np.ndarray:
    """The picture as uint8 (height, width, 3), BGR, 0..255, upright as its EXIF tag says.

    Grey, 16-bit, CMYK and transparent pictures are converted. Raises `FileNotFoundError` where
    there is no file, and `ImageError`, with the path, where it is no whole picture: a JPEG cut
    short counts as unreadable, though many decoders fill what is missing with grey.
    """
    try:
        with open(path, "rb", buffering=0) as file:
            data = np.frombuffer(file.read(), np.uint8)
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", error)
        raise ImageError(f"{path}: could not be opened: {reason}") from error
    if not len(data):
        raise ImageError(f"{path}: expected a picture, found an empty file")
    try:
        image = cv2.imdecode(data, cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise ImageError(f"{path}: could not be decoded: {error.err}") from error
    if image is None:
        raise ImageError(f"{path}: expected a picture, found one cut short or no picture at all")
    return image


def resize(image: np.ndarray, size: int) -> np.ndarray:
    """The picture as (size, size, 3), bilinear, as the original toolkit does."""
    return cv2.resize(image, (size, size), interpolation=cv2.INTER_LINEAR)


def shrink(image: np.ndarray, side: int) -> np.ndarray:
    """The picture with a longer side of `side` pixels at most, uint8 (h, w, 3)."""
    scale = min(1, side / max(image.shape[:2]))
    return cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def data_url(image: np.ndarray, kind: str = "jpeg") -> str:
    """The picture, uint8 (H, W, 3), BGR, as a URL that holds it, so that a page needs no file.

    kind: "jpeg" or "png".
    """
    _, content = cv2.imencode(f".{kind}", image)
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def change_margin(face: np.ndarray, margin: float, wanted: float) -> np.ndarray:
    """A face (S, S, 3) that was cut with `margin`, as one of the same size with the `wanted` one.

    A smaller one is cut out of the middle; what a larger one would show is not in the face: its
    border is repeated there.
    """
    scale, size = (1 + 2 * margin) / (1 + 2 * wanted), len(face)
    shift = (size - 1) / 2 * (1 - scale)
    matrix = np.array([[scale, 0, shift], [0, scale, shift]])
    return cv2.warpAffine(
        face, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def cut_faces(image: np.ndarray, boxes: list[Box], margin: float, size: int) -> np.ndarray:
    """The faces of a picture, uint8 (N, size, size, 3), BGR, ready for a model."""
    faces = np.empty((len(boxes), size, size, 3), np.uint8)
    for face, box in zip(faces, boxes, strict=True):
        face[:] = resize(crop_with_margin(image, box, margin), size)
    return faces


def crop_with_margin(image: np.ndarray, box: Box, margin: float) -> np.ndarray:
    """The part of `image` (H, W, 3) that holds `box` and `margin` times its size on each side.

    Clipped at the picture's border, and one pixel wider than the margin asks, as in the original
    toolkit: models trained with it see the same crop.
    """
    height, width = image.shape[:2]
    dx, dy = margin * (box.right - box.left), margin * (box.bottom - box.top)
    left, top = max(int(box.left - dx), 0), max(int(box.top - dy), 0)
    right = min(int(box.right + dx), width - 1)
    bottom = min(int(box.bottom + dy), height - 1)
    return image[top : bottom + 1, left : right + 1]
