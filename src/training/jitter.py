"""Zoom, rotation, low resolution, blur and colour of `--aug strong`.

Datasets differ in margins, lighting and resolution; strong augmentation makes the network ignore
these differences.
"""

from dataclasses import dataclass

import cv2
import numpy as np

WARP_PROBABILITY = 0.75  # all other faces are shifted and flipped as in plain augmentation
ZOOM = 4 / 3  # enlarged or shrunk by up to this factor, log-uniform
ROTATION = 15.0  # degrees to either side
SHIFT = 0.1  # maximum in each direction, as a fraction of the side; subpixel
ALIGNED = 0.5  # of zoom, rotation and shift for aligned faces, which vary less
BRIGHTNESS = 32.0  # grey levels, added or subtracted
CONTRAST = 1.4  # factor around the middle grey, log-uniform
SATURATION = (0.5, 1.5)
CAST = 1.1  # factor of each colour channel, log-uniform
GREY_PROBABILITY = 0.1
BLUR_PROBABILITY = 0.25
LOW_RESOLUTION_PROBABILITY = 1 / 3
LOW_RESOLUTION = 28  # pixels, minimum side, as of small faces in photos
BLUR = (0.4, 1.2)  # standard deviation of the Gaussian, 5 x 5, in pixels
_LUMA = np.array([0.114, 0.587, 0.299])  # of BGR: ITU-R BT.601


@dataclass(frozen=True)
class Jitter:
    """The random numbers of `--aug strong` for N faces.

    warped: bool (N,), whether the face is warped.
    matrix: float64 (N, 2, 3), maps a pixel (x, y, 1) to its new place; flips included.
    colour: float32 (N, 3, 4), maps a pixel (b, g, r, 1) to its new colour.
    blur: float64 (N,), standard deviation in pixels, 0 for none.
    side: int64 (N,), pixels, reduced resolution; the face's size for no reduction.
    """

    warped: np.ndarray
    matrix: np.ndarray
    colour: np.ndarray
    blur: np.ndarray
    side: np.ndarray


def draw_jitter(
    rng: np.random.Generator, flip: np.ndarray, size: int, aligned: bool = False
) -> Jitter:
    """Draw for faces of `size` x `size` pixels; flip: bool (N,), whether the face is mirrored.

    aligned: whether the faces are aligned by their landmarks.
    """
    count = len(flip)
    blurred = rng.random(count) < BLUR_PROBABILITY
    low = rng.random(count) < LOW_RESOLUTION_PROBABILITY
    smallest = min(LOW_RESOLUTION, size)
    side = np.exp(rng.uniform(np.log(smallest), np.log(size), count)).astype(np.int64)
    return Jitter(
        warped=rng.random(count) < WARP_PROBABILITY,
        matrix=_draw_matrices(rng, flip, size, ALIGNED if aligned else 1.0),
        colour=_draw_colours(rng, count),
        blur=np.where(blurred, rng.uniform(*BLUR, count), 0),
        side=np.where(low, side, size),
    )


def _draw_matrices(
    rng: np.random.Generator, flip: np.ndarray, size: int, strength: float
) -> np.ndarray:
    """Zoom and rotation about the middle of the face, and shift, times `strength`."""
    count = len(flip)
    zoom = _log_uniform(rng, ZOOM**strength, count)
    angle = np.deg2rad(strength * rng.uniform(-ROTATION, ROTATION, count))
    cos, sin = zoom * np.cos(angle), zoom * np.sin(angle)
    mirror = np.where(flip, -1, 1)
    linear = np.stack([cos * mirror, sin, -sin * mirror, cos], axis=1).reshape(count, 2, 2)
    middle = np.full(2, (size - 1) / 2)
    shift = strength * rng.uniform(-SHIFT * size, SHIFT * size, (count, 2))
    return np.concatenate([linear, (middle - linear @ middle + shift)[..., None]], axis=2)


def _draw_colours(rng: np.random.Generator, count: int) -> np.ndarray:
    """Saturation, colour cast, contrast and brightness, in this order, as one affine map."""
    grey = rng.random(count) < GREY_PROBABILITY
    saturation = np.where(grey, 0, rng.uniform(*SATURATION, count))[:, None, None]
    cast = _log_uniform(rng, CAST, (count, 3, 1))
    contrast = _log_uniform(rng, CONTRAST, (count, 1, 1))
    brightness = rng.uniform(-BRIGHTNESS, BRIGHTNESS, (count, 1, 1))
    linear = contrast * cast * (saturation * np.eye(3) + (1 - saturation) * _LUMA)
    offset = np.broadcast_to(127.5 * (1 - contrast) + brightness, (count, 3, 1))
    return np.concatenate([linear, offset], axis=2).astype(np.float32)


def _log_uniform(rng: np.random.Generator, factor: float, shape) -> np.ndarray:
    """Factors from 1 / `factor` to `factor`, log-uniform."""
    return factor ** rng.uniform(-1, 1, shape)


def warp(face: np.ndarray, matrix: np.ndarray, out: np.ndarray) -> None:
    """Warp `face`, uint8 (S, S, 3), by `matrix` into `out`; its border is repeated."""
    cv2.warpAffine(face, matrix, out.shape[:2], out, cv2.INTER_LINEAR, cv2.BORDER_REPLICATE)


def recolour(face: np.ndarray, colour: np.ndarray, blur: float) -> None:
    """Blur `face`, uint8 (S, S, 3), BGR, and transform its colours, in place."""
    if blur:
        cv2.GaussianBlur(face, (5, 5), blur, face)
    cv2.transform(face, colour, face)


def reduce_resolution(face: np.ndarray, side: int) -> None:
    """Shrink `face`, uint8 (S, S, 3), to `side` x `side` pixels and enlarge it again, in place."""
    if side < len(face):
        small = cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA)
        cv2.resize(small, face.shape[:2], face, interpolation=cv2.INTER_LINEAR)
