"""Reading, cropping and resizing of images."""

import io
import math
import re
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image, ImageOps

from ..errors import UserError

# Extensions of images that OpenCV reads, then of images that are reported as unreadable.
EXTENSIONS = frozenset(
    ".jpg .jpeg .jpe .jfif .png .apng .bmp .dib .webp .tif .tiff .gif .avif .jp2 .hdr .pic .exr "
    ".pbm .pgm .ppm .pnm .pxm .pam .pfm .sr .ras "
    ".heic .heif .hif .jxl .psd .dng .cr2 .cr3 .nef .arw .raf .orf .rw2".split()
)
_HEIC = re.compile(rb"....ftyp(hei[cxms]|hev[cxms]|mif1|msf1)", re.DOTALL)
REDUCTIONS = 1, 2, 4, 8  # of a JPEG's sides


class ImageError(UserError):
    """An image that cannot be read."""


class Box(NamedTuple):
    """A face in an image, in pixels: `left` and `top` inclusive, `right` and `bottom` exclusive.

    A detector's box may exceed the image's border.
    """

    left: int
    top: int
    right: int
    bottom: int


def widest(boxes: Sequence[Box]) -> int:
    """The index of the widest box."""
    return max(range(len(boxes)), key=lambda i: boxes[i].right - boxes[i].left)


def overlap(a: Sequence[float], b: Sequence[float]) -> float:
    """Intersection over union, 0..1, of two boxes."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    both = max(width, 0) * max(height, 0)
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def read_bytes(path: Path | str) -> bytes:
    """The content of an image file. Raises `FileNotFoundError` or `ImageError`."""
    try:
        with open(path, "rb") as file:  # faster than Path.read_bytes
            return file.read()
    except (IsADirectoryError, PermissionError) as error:
        raise ImageError(f"{path}: cannot be read: {error.strerror}") from error


def read_image(path: Path | str) -> np.ndarray:
    """The image in a file; see `read_bytes` and `decode_image`."""
    return decode_image(read_bytes(path), path)


def decode_image(content: bytes, path: Path | str, reduction: int = 1) -> np.ndarray:
    """The image in the content of a file, uint8 (H, W, 3), BGR, upright; path: for messages.

    EXIF orientation and AVIF rotation are applied. Grey, CMYK and transparent images are converted.
    The bit depth of 16-bit files is the smallest of 8, 10, 12, 14 and 16 that holds 99.9 % of their
    pixels; brighter ones become white.
    reduction: one of `REDUCTIONS`, by which the sides of a JPEG are divided, rounded up.
    Raises `ImageError` if the content is not a complete image.
    """
    try:
        image = _decode(content, reduction)
    except Exception as error:  # decoders raise a dozen kinds on damaged files
        reason = getattr(error, "err", error)  # str(cv2.error) has four lines
        raise ImageError(f"{path}: could not be decoded: {reason}") from error
    if image is None:
        found = "one that is cut short, one in an unknown format, or none"
        if _HEIC.match(content):
            found = "HEIC, which cannot be read; convert it to JPEG or PNG"
        raise ImageError(f"{path}: expected an image, found {found}")
    return image


def _decode(content: bytes, reduction: int) -> np.ndarray | None:
    if not content or (content[:4] == b"\x89PNG" and b"IEND" not in content):
        return None  # libpng would print a line
    if content[4:12] in (b"ftypavif", b"ftypavis"):  # OpenCV does not apply its rotation
        with Image.open(io.BytesIO(content)) as file:
            return np.array(ImageOps.exif_transpose(file).convert("RGB"))[:, :, ::-1].copy()
    data = np.frombuffer(content, np.uint8)
    if reduction > 1:
        return cv2.imdecode(data, getattr(cv2, f"IMREAD_REDUCED_COLOR_{reduction}"))
    image = cv2.imdecode(data, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    if image is None or image.dtype == np.uint8:
        return image
    if image.dtype != np.uint16:  # OpenCV scales float images by the rule of their format
        return cv2.imdecode(data, cv2.IMREAD_COLOR)
    brighter = image.size // 1000
    depths = (bits for bits in (8, 10, 12, 14) if np.count_nonzero(image >> bits) <= brighter)
    return np.minimum(image >> next(depths, 16) - 8, 255).astype(np.uint8)


def jpeg_reduction(content: bytes, scale: Callable[[Sequence[int]], float]) -> int:
    """The largest of `REDUCTIONS` that leaves `scale(sides)` of a JPEG's height and width, before
    its orientation; 1 for other files."""
    position = 2 if content[:3] == b"\xff\xd8\xff" else len(content)
    while content[position : position + 1] == b"\xff" and len(content) >= position + 9:
        _, marker, length, _, *sides = struct.unpack_from(">BBHBHH", content, position)
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # a start of frame
            return max(n for n in REDUCTIONS if n == 1 or n * scale(sides) <= 1)
        position += 2 + length
    return 1


def resize(image: np.ndarray, size: int) -> np.ndarray:
    """The image as (size, size, 3), bilinear, as the original toolkit does."""
    return cv2.resize(image, (size, size), interpolation=cv2.INTER_LINEAR)


def warp(image: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    """The image, uint8 (H, W, 3), after a similarity transform, float64 (2, 3) between pixels, as
    uint8 (size, size, 3), bilinear, its border repeated.

    Where it shrinks the image to less than half, squares of pixels are averaged before it, in the
    region that it needs, as interpolation would skip pixels.
    """
    factor = math.ceil(0.5 / math.hypot(*matrix[0, :2]))
    if factor > 1:
        corners = np.array([(0, 0), (size, 0), (0, size), (size, size)], float)
        corners = cv2.transform(corners[None], cv2.invertAffineTransform(matrix))[0] // factor
        sides = np.maximum(np.array(image.shape[1::-1]) // factor, 1)
        left, top = first = np.clip(corners.min(axis=0) - 2, 0, sides - 1).astype(int)
        right, bottom = last = np.clip(corners.max(axis=0) + 3, first + 1, sides).astype(int)
        region = image[top * factor : bottom * factor, left * factor : right * factor]
        image = cv2.resize(region, last - first, interpolation=cv2.INTER_AREA)
        back = np.diag([factor, factor, 1.0])
        back[:2, 2] = (first + 0.5) * factor - 0.5
        matrix = matrix @ back
    return cv2.warpAffine(image, matrix, (size, size), borderMode=cv2.BORDER_REPLICATE)


def crop_with_margin(image: np.ndarray, box: Box, margin: float) -> np.ndarray:
    """The part of `image` (H, W, 3) with `box` and `margin` times its size on each side.

    Clipped at the image's border, and one pixel wider than the margin, as in the original
    toolkit, so that its models get the same crop.
    """
    dx, dy = margin * (box.right - box.left), margin * (box.bottom - box.top)
    left, top = max(int(box.left - dx), 0), max(int(box.top - dy), 0)
    right, bottom = max(int(box.right + dx) + 1, 0), max(int(box.bottom + dy) + 1, 0)
    return image[top:bottom, left:right]
