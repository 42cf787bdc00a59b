"""Images of every kind that users have, as arrays."""

import os
from typing import IO, TypeAlias

import cv2
import numpy as np
from PIL import Image, ImageOps

from ..errors import UserError
from ..faces.images import decode_image, read_image

# A path, the content of a file, uint8 (H, W, 3) or (H, W), a PIL image; and an open file.
KINDS = str | os.PathLike | bytes | np.ndarray | Image.Image
ImageSource: TypeAlias = KINDS | IO[bytes]
CHANNELS = ("bgr", "rgb")
_PIL_MODES = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr"}  # of 8 bits or fewer


def read_pixels(source: ImageSource, channels: str = "bgr") -> np.ndarray:
    """The pixels of an image, uint8 (H, W, 3), BGR, upright.

    Args:
        source: see `ImageSource`.
        channels: "bgr" or "rgb", the order of an array's channels.

    Raises:
        UserError: The image cannot be read, or the object is not an image.
        FileNotFoundError: There is no file.
    """
    if isinstance(source, str | os.PathLike):
        return read_image(source)
    if isinstance(source, bytes):
        return decode_image(source, "image")
    if isinstance(source, Image.Image):
        if source.mode not in _PIL_MODES:  # would be clipped to 8 bits
            raise UserError(f"expected a PIL image in RGB or grey, received mode {source.mode}")
        source, channels = np.asarray(ImageOps.exif_transpose(source).convert("RGB")), "rgb"
    if isinstance(source, np.ndarray) and source.ndim == 2 and source.dtype == np.uint8:
        return cv2.cvtColor(source, cv2.COLOR_GRAY2BGR)
    check_array(source, ("H", "W"), (3,))
    return cv2.cvtColor(source, cv2.COLOR_RGB2BGR) if channels == "rgb" else source


def check_array(array: object, free: tuple[str, ...], fixed: tuple[int, ...]) -> None:
    """Raise `UserError` unless `array` is uint8 of the shape (*free, *fixed).

    Other arrays would be broadcast or rounded without an error, floats to zeros and ones.
    """
    is_array = isinstance(array, np.ndarray)
    if is_array and array.dtype == np.uint8 and array.shape[len(free) :] == fixed:
        return
    received = f"{array.dtype} {array.shape}" if is_array else type(array).__name__
    raise UserError(
        f"expected an image file, or pixels as uint8 ({', '.join(map(str, free + fixed))}); "
        f"received {received}"
    )
