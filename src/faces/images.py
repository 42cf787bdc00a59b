"""Reading, cropping and resizing of pictures."""

import base64
import io
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from ..errors import MissingFileError, UserError
from ..files import read_input_file

# Extensions of pictures that OpenCV reads, then of pictures that are reported as unreadable.
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
    (rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51", "JPEG 2000"),
    (rb"#\?RADIANCE|#\?RGBE", "HDR"),
    (rb"v/1\x01", "EXR"),
    (rb"P[1-7Ff]\s", "Netpbm"),
    (rb"\x59\xa6\x6a\x95", "Sun raster"),
    (rb"....ftyp(hei[cxms]|hev[cxms]|mif1|msf1)", "HEIC"),
    (rb"\xff\x0a|\0\0\0\x0cJXL ", "JPEG XL"),
    (rb"8BPS", "Photoshop"),
    (rb"....ftypcrx|FUJIFILMCCD-RAW|IIRO|IIU\0", "camera raw"),
)
_UNREADABLE = {"HEIC", "JPEG XL", "Photoshop", "camera raw"}
_MAX_BYTES = 2**30  # of a picture file
MAX_PIXELS = int(os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"])


class ImageError(UserError):
    """A picture that cannot be read."""


class Box(NamedTuple):
    """A face in a picture, in pixels: `left` and `top` inclusive, `right` and `bottom` exclusive.

    A detector's box may exceed the picture's border.
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


def picture_kind(head: bytes) -> str | None:
    """The picture format of a file, from its first 32 bytes; None for other files.

    HEIC, JPEG XL, Photoshop and camera raw are formats that OpenCV cannot read.
    """
    matches = (name for start, name in _KINDS if re.match(start, head, re.DOTALL))
    return next(matches, None)


def read_image(path: Path | str) -> np.ndarray:
    """The picture as uint8 (height, width, 3), BGR, 0..255, upright.

    EXIF orientation and AVIF rotation are applied. Grey, CMYK and transparent pictures are
    converted. The depth of 16-bit files is the smallest of 10, 12, 14 or 16 bits that holds the
    brightest pixel, and the upper 8 bits are returned. Raises `FileNotFoundError` if the file is
    missing, and `ImageError`, with the path, if it is not a complete picture: truncated JPEGs are
    rejected, while many decoders fill the missing part with grey.
    """
    try:
        content = read_input_file(path, "a picture", _MAX_BYTES)
    except MissingFileError as error:
        raise FileNotFoundError(path) from error
    except UserError as error:
        raise ImageError(str(error)) from error
    if not content:
        raise ImageError(f"{path}: expected a picture, found an empty file")
    kind = picture_kind(content[:32])
    try:
        if kind == "PNG" and not re.search(b"IEND....", content, re.DOTALL):
            image = None  # libpng would print a line of its own
        else:
            image = _decode_avif(content) if kind == "AVIF" else _decode(content)
    except UnidentifiedImageError:  # its message has no reason
        image = None
    except Exception as error:  # decoders raise a dozen kinds on damaged files
        reason = getattr(error, "err", error)  # str(cv2.error) has four lines
        raise ImageError(f"{path}: could not be decoded: {reason}") from error
    if image is None:
        found = (
            f"one in {kind}, which cannot be read; convert it to JPEG or PNG"
            if kind in _UNREADABLE
            else "one cut short or no picture at all"
        )
        raise ImageError(f"{path}: expected a picture, found {found}")
    return image


def _decode(content: bytes) -> np.ndarray | None:
    data = np.frombuffer(content, np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    if image is None or image.dtype == np.uint8:
        return image
    if image.dtype != np.uint16:  # OpenCV scales float pictures by the rule of their format
        scaled = cv2.imdecode(data, cv2.IMREAD_COLOR)
        is_black = scaled is not None and scaled.max() <= 1  # PFM from 0 to 1, which has no rule
        return np.rint(255 * image.clip(0, 1)).astype(np.uint8) if is_black else scaled
    bits = next(bits for bits in (8, 10, 12, 14, 16) if image.max() < 1 << bits)
    return np.right_shift(image, bits - 8, out=image).astype(np.uint8)


def _decode_avif(content: bytes) -> np.ndarray:
    """Decode with Pillow, which, unlike OpenCV, applies an AVIF's rotation and mirroring."""
    with Image.open(io.BytesIO(content)) as picture:
        if picture.width * picture.height > MAX_PIXELS:
            raise ValueError(f"more than {MAX_PIXELS:,} pixels")
        upright = ImageOps.exif_transpose(picture).convert("RGB")
    return cv2.cvtColor(np.asarray(upright), cv2.COLOR_RGB2BGR)


def resize(image: np.ndarray, size: int) -> np.ndarray:
    """The picture as (size, size, 3), bilinear, as the original toolkit does."""
    return cv2.resize(image, (size, size), interpolation=cv2.INTER_LINEAR)


def shrink(image: np.ndarray, side: int) -> np.ndarray:
    """The picture, shrunk to at most `side` pixels on its longer side, uint8 (h, w, ...)."""
    scale = min(1, side / max(image.shape[:2]))
    size = [max(1, round(length * scale)) for length in image.shape[1::-1]]
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def data_url(image: np.ndarray) -> str:
    """The picture, uint8 (H, W, 3), BGR, as a data URL, for pages without other files."""
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

    Clipped at the picture's border, and one pixel wider than the margin, as in the original
    toolkit, so that its models get the same crop.
    """
    height, width = image.shape[:2]
    dx, dy = margin * (box.right - box.left), margin * (box.bottom - box.top)
    left, top = max(int(box.left - dx), 0), max(int(box.top - dy), 0)
    right = min(int(box.right + dx), width - 1)
    bottom = min(int(box.bottom + dy), height - 1)
    return image[top : bottom + 1, left : right + 1]
