"""Augmentation: shift, flip, random erasing and mixup of a batch of faces.

All random numbers of a batch are drawn at once (`draw`), apart from their application (`augment`).
"""

from dataclasses import dataclass

import cv2
import numpy as np

SHIFT = 0.1  # of the side, to each side
ERASING_PROBABILITY = 0.5
ERASED_AREA = (0.02, 0.4)  # of the face
ERASED_ASPECT = (0.3, 1 / 0.3)  # height / width
MIXUP_ALPHA = 0.2


@dataclass(frozen=True)
class Draw:
    """The random numbers of a batch of N faces.

    shift: float64 (N, 2), pixels to the right and down.
    flip: bool (N,), whether left and right change places.
    patch: int64 (N, 4), left, top, width, height in pixels of what is erased; width 0 for nothing.
    value: uint8 (N,), what the patch is filled with.
    partner: int64 (N,), the row of the batch that is mixed in: a permutation.
    share: float64 (N,), 0..1, how much of the face stays: mixup's lambda.
    """

    shift: np.ndarray
    flip: np.ndarray
    patch: np.ndarray
    value: np.ndarray
    partner: np.ndarray
    share: np.ndarray


def draw(rng: np.random.Generator, count: int, size: int) -> Draw:
    """Draw for `count` faces of `size` x `size` pixels."""
    patch = _draw_patches(rng, count, size)
    patch[rng.random(count) >= ERASING_PROBABILITY] = 0
    return Draw(
        shift=rng.uniform(-SHIFT * size, SHIFT * size, (count, 2)),
        flip=rng.random(count) < 0.5,
        patch=patch,
        value=rng.integers(0, 256, count, np.uint8),
        partner=rng.permutation(count),
        share=rng.beta(MIXUP_ALPHA, MIXUP_ALPHA, count),
    )


def _draw_patches(rng: np.random.Generator, count: int, size: int) -> np.ndarray:
    """Patches of random erasing, drawn anew until they lie within the face.

    Zhong et al., "Random Erasing Data Augmentation", AAAI 2020, https://arxiv.org/abs/1708.04896,
    algorithm 1, in whole pixels as in the original toolkit.
    """
    patches = np.empty((count, 4), np.int64)
    pending = np.arange(count)
    while len(pending):
        area = rng.uniform(*ERASED_AREA, len(pending)) * size * size
        aspect = rng.uniform(*ERASED_ASPECT, len(pending))
        extent = np.sqrt((area / aspect, area * aspect)).astype(np.int64)  # (width, height) x n
        corner = rng.integers(0, size, extent.shape)
        patches[pending] = np.concatenate((corner, extent)).T
        pending = pending[(corner + extent > size).any(axis=0)]
    return patches


def augment(
    faces: np.ndarray, targets: tuple[np.ndarray, ...], drawn: Draw
) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """Apply a draw to faces, uint8 (N, S, S, 3), and to their targets, float32 (N, classes) each.

    Each face is shifted (bilinear, the border repeated), flipped and erased; then faces and targets
    are mixed with those of their partner by one and the same share.
    """
    moved = np.empty_like(faces)
    for i, face in enumerate(faces):
        _move(face, drawn.shift[i], drawn.flip[i], moved[i])
        left, top, width, height = drawn.patch[i]
        if width:
            moved[i, top : top + height, left : left + width] = drawn.value[i]
    return _mix(moved, targets, drawn.partner, drawn.share)


def _move(face: np.ndarray, shift: np.ndarray, flip: bool, out: np.ndarray) -> None:
    last = face.shape[1] - 1
    matrix = np.array([[1, 0, shift[0]], [0, 1, shift[1]]])
    if flip:
        matrix[0] = -1, 0, last - shift[0]
    cv2.warpAffine(face, matrix, face.shape[:2], out, cv2.INTER_LINEAR, cv2.BORDER_REPLICATE)


def _mix(
    faces: np.ndarray, targets: tuple[np.ndarray, ...], partner: np.ndarray, share: np.ndarray
) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """Zhang et al., "mixup: Beyond Empirical Risk Minimization", ICLR 2018,
    https://arxiv.org/abs/1710.09412. Partners are a permutation, so that no sample is spent."""
    mixed = np.empty_like(faces)
    for i, (j, kept) in enumerate(zip(partner, share, strict=True)):
        cv2.addWeighted(faces[i], kept, faces[j], 1 - kept, 0, mixed[i])
    kept = share[:, None].astype(np.float32)
    return mixed, tuple(kept * target + (1 - kept) * target[partner] for target in targets)
