"""Zoom, rotation, low resolution, blur, colour, print texture and JPEG of `--aug strong`.

Datasets differ in margins, lighting and resolution; strong augmentation makes the network ignore
these differences. Grain, halftone and compression make faces look older to a network that never saw
them on young people.
"""

from dataclasses import dataclass
from functools import cache

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
GRAIN_PROBABILITY = 0.15  # of film grain
GRAIN = (4.0, 16.0)  # standard deviation in grey levels, of one pixel or blurred to about two
HALFTONE_PROBABILITY = 0.05  # of a printer's screen at 45 degrees
HALFTONE = (5.0, 20.0)  # standard deviation in grey levels
HALFTONE_PERIODS = (2.5, 3.3, 4.5)  # pixels
JPEG_PROBABILITY = 0.25
JPEG_QUALITY = (15, 70)
_TILE = 512  # pixels, side of a texture
_GRAINS = 2  # fine and coarse
_LUMA = np.array([0.114, 0.587, 0.299])  # of BGR: ITU-R BT.601


@dataclass(frozen=True)
class Jitter:
    """The random numbers of `--aug strong` for N faces."""

    warped: np.ndarray  # bool (N,), whether the face is warped
    matrix: np.ndarray  # float64 (N, 2, 3), maps a pixel (x, y, 1) to its position; flips included
    colour: np.ndarray  # float32 (N, 3, 4), maps a pixel (b, g, r, 1) to its colour
    blur: np.ndarray  # float64 (N,), standard deviation in pixels, 0 for none
    side: np.ndarray  # int64 (N,), pixels, reduced resolution; the face's size for no reduction
    texture: np.ndarray  # int64 (N,), index into `textures()`
    strength: np.ndarray  # float32 (N,), standard deviation of the texture in grey levels
    offset: np.ndarray  # int64 (N, 2), of the face within the texture, in pixels
    quality: np.ndarray  # int64 (N,), of JPEG compression, 0 for none


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
    warped = rng.random(count) < WARP_PROBABILITY
    matrix = _draw_matrices(rng, flip, size, ALIGNED if aligned else 1.0)
    colour = _draw_colours(rng, count)
    blur = rng.uniform(*BLUR, count)
    chance = rng.random(count)
    is_grain = chance < GRAIN_PROBABILITY
    is_halftone = ~is_grain & (chance < GRAIN_PROBABILITY + HALFTONE_PROBABILITY)
    grain = rng.integers(0, _GRAINS, count)
    halftone = _GRAINS + rng.integers(0, len(HALFTONE_PERIODS), count)
    strength = np.where(is_grain, rng.uniform(*GRAIN, count), 0)
    strength += np.where(is_halftone, rng.uniform(*HALFTONE, count), 0)
    is_compressed = rng.random(count) < JPEG_PROBABILITY
    return Jitter(
        warped=warped,
        matrix=matrix,
        colour=colour,
        blur=np.where(blurred, blur, 0),
        side=np.where(low, side, size),
        texture=np.where(is_halftone, halftone, grain),
        strength=strength.astype(np.float32),
        offset=rng.integers(0, max(_TILE - size, 1), (count, 2)),
        quality=np.where(is_compressed, rng.integers(*JPEG_QUALITY, count), 0),
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


def degrade(face: np.ndarray, jitter: Jitter, i: int) -> None:
    """Apply the draw of the `i`-th face, except its warp, to `face`, uint8 (S, S, 3), BGR, in
    place."""
    reduce_resolution(face, jitter.side[i])
    recolour(face, jitter.colour[i], jitter.blur[i])
    add_texture(face, jitter.texture[i], jitter.strength[i], jitter.offset[i])
    compress(face, jitter.quality[i])


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


@cache
def textures() -> np.ndarray:
    """Film grain, fine and coarse, and halftones: float32 (5, 512, 512), of mean 0 and SD 1."""
    noise = np.random.default_rng(0).standard_normal((_TILE, _TILE)).astype(np.float32)
    y, x = np.mgrid[:_TILE, :_TILE] * (2 * np.pi * np.sqrt(0.5))
    halftones = (np.cos((x + y) / period) + np.cos((x - y) / period) for period in HALFTONE_PERIODS)
    tiles = np.stack([noise, cv2.GaussianBlur(noise, (0, 0), 0.8), *halftones])
    tiles -= tiles.mean(axis=(1, 2), keepdims=True)
    return (tiles / tiles.std(axis=(1, 2), keepdims=True)).astype(np.float32)


def add_texture(face: np.ndarray, texture: int, strength: float, offset: np.ndarray) -> None:
    """Add a texture to all channels of `face`, uint8 (S, S, 3), in place."""
    if not strength:
        return
    (x, y), side = offset, len(face)
    tile = textures()[texture]
    if side > _TILE:
        tile = np.pad(tile, (0, side - _TILE), mode="wrap")
    grey = cv2.multiply(tile[y : y + side, x : x + side], float(strength))
    cv2.add(face, cv2.merge((grey, grey, grey)), face, dtype=cv2.CV_8U)


def compress(face: np.ndarray, quality: int) -> None:
    """Compress `face`, uint8 (S, S, 3), BGR, as JPEG and decode it, in place."""
    if quality:
        content = cv2.imencode(".jpg", face, (cv2.IMWRITE_JPEG_QUALITY, int(quality)))[1]
        face[:] = cv2.imdecode(content, cv2.IMREAD_COLOR)
