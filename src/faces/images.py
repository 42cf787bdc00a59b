"""Reading, cropping and resizing of images."""

import base64
import io
import re
import struct
from collections.abc import Sequence
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
_KINDS = (  # by the first bytes
    (rb"\xff\xd8\xff", "JPEG"),
    (rb"\x89PNG", "PNG"),
    (rb"BM", "BMP"),
    (rb"RIFF....WEBP", "WebP"),
    (rb"II\*\0|MM\0\*|II\+\0|MM\0\+", "TIFF"),
    (rb"GIF8", "GIF"),
    (rb"....ftypavi[fs]", "AVIF"),
    (rb"....ftyp(hei[cxms]|hev[cxms]|mif1|msf1)", "HEIC"),
    (rb"\xff\x0a|\0\0\0\x0cJXL ", "JPEG XL"),
    (rb"8BPS", "Photoshop"),
    (rb"....ftypcrx|FUJIFILMCCD-RAW|IIRO|IIU\0", "camera raw"),
)
_UNREADABLE = {"HEIC", "JPEG XL", "Photoshop", "camera raw"}
_READ = cv2.IMREAD_COLOR, *(getattr(cv2, f"IMREAD_REDUCED_COLOR_{n}") for n in (2, 4, 8))
REDUCTIONS = dict(zip((1, 2, 4, 8), _READ, strict=True))  # of a JPEG's sides -> OpenCV's flag
_BRIGHTER = 0.001  # share of the pixels that may exceed the bit depth of a 16-bit image


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


def image_kind(head: bytes) -> str | None:
    """The image format of a file, from its first 32 bytes; None for other files.

    HEIC, JPEG XL, Photoshop and camera raw are formats that OpenCV cannot read.
    """
    matches = (name for start, name in _KINDS if re.match(start, head, re.DOTALL))
    return next(matches, None)


def read_bytes(path: Path | str) -> bytes:
    """The content of an image file. Raises `FileNotFoundError` or `ImageError`."""
    try:
        with open(path, "rb") as file:  # faster than Path.read_bytes
            return file.read()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFoundError(path) from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or error
        raise ImageError(f"{path}: cannot be read: {reason}") from error


def read_image(path: Path | str) -> np.ndarray:
    """The image in a file; see `read_bytes` and `decode_image`."""
    return decode_image(read_bytes(path), path)


def decode_image(content: bytes, path: Path | str, reduction: int = 1) -> np.ndarray:
    """Decode the content of an image file.

    EXIF orientation and AVIF rotation are applied. Grey, CMYK and transparent images are converted.
    The bit depth of 16-bit files is the smallest of 8, 10, 12, 14 and 16 that holds 99.9 % of their
    pixels; brighter ones become white.

    Args:
        content: The bytes of the file.
        path: Its name, for messages.
        reduction: One of `REDUCTIONS`, by which the sides of JPEGs are divided, rounded up.

    Returns:
        uint8 (height, width, 3), BGR, 0..255, upright.

    Raises:
        ImageError: The content is not a complete image.
    """
    kind = image_kind(content[:32])
    try:
        if not content or (kind == "PNG" and b"IEND" not in content):
            image = None  # OpenCV raises for the first, libpng prints a line for the second
        elif kind == "AVIF":  # OpenCV does not apply its rotation and mirroring
            with Image.open(io.BytesIO(content)) as file:
                image = np.asarray(ImageOps.exif_transpose(file).convert("RGB"))
            image = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        else:
            image = _decode(np.frombuffer(content, np.uint8), kind, reduction)
    except Exception as error:  # decoders raise a dozen kinds on damaged files
        reason = getattr(error, "err", error)  # str(cv2.error) has four lines
        raise ImageError(f"{path}: could not be decoded: {reason}") from error
    if image is None:
        found = "one cut short, an empty file or no image at all"
        if kind in _UNREADABLE:
            found = f"one in {kind}, which cannot be read; convert it to JPEG or PNG"
        raise ImageError(f"{path}: expected an image, found {found}")
    return image


def _decode(data: np.ndarray, kind: str | None, reduction: int) -> np.ndarray | None:
    if kind == "JPEG":
        return cv2.imdecode(data, REDUCTIONS[reduction])
    image = cv2.imdecode(data, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    if image is None or image.dtype == np.uint8:
        return image
    if image.dtype != np.uint16:  # OpenCV scales float images by the rule of their format
        return cv2.imdecode(data, cv2.IMREAD_COLOR)
    allowed = _BRIGHTER * image.size
    depths = (bits for bits in (8, 10, 12, 14) if np.count_nonzero(image >> bits) <= allowed)
    return np.minimum(image >> next(depths, 16) - 8, 255).astype(np.uint8)


def jpeg_sides(content: bytes) -> tuple[int, int] | None:
    """Height and width in the header of a JPEG, before its orientation; None for other files."""
    position = 2 if image_kind(content[:32]) == "JPEG" else len(content)
    while content[position : position + 1] == b"\xff" and len(content) >= position + 9:
        _, marker, length, _, height, width = struct.unpack_from(">BBHBHH", content, position)
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # a start of frame
            return height, width
        position += 2 + length
    return None


def resize(image: np.ndarray, size: int) -> np.ndarray:
    """The image as (size, size, 3), bilinear, as the original toolkit does."""
    return cv2.resize(image, (size, size), interpolation=cv2.INTER_LINEAR)


def shrink(image: np.ndarray, side: int) -> np.ndarray:
    """The image, shrunk to at most `side` pixels on its longer side, uint8 (h, w, ...)."""
    scale = min(1, side / max(image.shape[:2]))
    size = [max(1, round(length * scale)) for length in image.shape[1::-1]]
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def data_url(image: np.ndarray) -> str:
    """The image, uint8 (H, W, 3), BGR, as a data URL, for pages without other files."""
    _, content = cv2.imencode(".jpg", image)
    return f"data:image/jpeg;base64,{base64.b64encode(content).decode()}"


def change_margin(face: np.ndarray, margin: float, new: float) -> np.ndarray:
    """A face (S, S, 3) that was cropped with `margin`, changed to the margin `new`.

    A smaller margin crops the middle; a larger margin repeats the border. The size stays the same.
    """
    scale, size = (1 + 2 * margin) / (1 + 2 * new), len(face)
    shift = (size - 1) / 2 * (1 - scale)
    matrix = np.array([[scale, 0, shift], [0, scale, shift]])
    return cv2.warpAffine(
        face, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def crop_with_margin(image: np.ndarray, box: Box, margin: float) -> np.ndarray:
    """The part of `image` (H, W, 3) with `box` and `margin` times its size on each side.

    Clipped at the image's border, and one pixel wider than the margin, as in the original
    toolkit, so that its models get the same crop.
    """
    height, width = image.shape[:2]
    dx, dy = margin * (box.right - box.left), margin * (box.bottom - box.top)
    left, top = max(int(box.left - dx), 0), max(int(box.top - dy), 0)
    right = min(int(box.right + dx), width - 1)
    bottom = min(int(box.bottom + dy), height - 1)
    return image[top : bottom + 1, left : right + 1]
