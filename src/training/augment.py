"""Augmentation: shift, flip, random erasing and mixup of a batch of faces.

All random numbers of a batch are drawn at once (`draw`), apart from their application (`augment`).
"strong" augmentation adds `jitter`.
"""

import threading
from dataclasses import dataclass, replace

import cv2
import numpy as np

from ..faces.crop import FaceCrop
from .arguments import Arguments
from .jitter import ALIGNED, Jitter, degrade, draw_jitter, warp

SHIFT = 0.1  # maximum, as a fraction of the side; whole pixels, which blur nothing
ERASED_AREA = (0.02, 0.4)  # as a fraction of the face
ERASED_ASPECT = (0.3, 1 / 0.3)  # height / width
_TRIES = 16
_of_thread = threading.local()
_ALL = 1 - 1 / 512  # share from which mixup changes no pixel by more than half a grey level


@dataclass(frozen=True)
class Draw:
    """The random numbers of a batch of N faces."""

    shift: np.ndarray  # int64 (N, 2), pixels to the right and down
    flip: np.ndarray  # bool (N,), whether the face is mirrored
    patch: np.ndarray  # int64 (N, 4), left, top, width, height of the erased patch; width 0: none
    value: np.ndarray  # uint8 (N,), grey level of the patch
    partner: np.ndarray  # int64 (N,), row mixed into each row; a permutation
    share: np.ndarray  # float64 (N,), 0..1, weight of the face itself: mixup's lambda
    jitter: Jitter | None = None  # of strong augmentation; its warp replaces shift and flip


def draw(rng: np.random.Generator, count: int, crop: FaceCrop, arguments: Arguments) -> Draw:
    """Draw for `count` faces, as `--aug`, `--erasing` and `--mixup` set.

    Alignment by landmarks halves the geometric part of "strong".
    """
    size, mixup, is_strong = crop.size, arguments.mixup, arguments.aug == "strong"
    erased = np.flatnonzero(rng.random(count) < arguments.erasing)
    patch = np.zeros((count, 4), np.int64)
    patch[erased] = _draw_patches(rng, len(erased), size)
    most = int(SHIFT * size * (ALIGNED if is_strong and crop.is_aligned else 1))
    drawn = Draw(
        shift=rng.integers(-most, most, (count, 2), endpoint=True),
        flip=rng.random(count) < 0.5,
        patch=patch,
        value=rng.integers(0, 256, count, np.uint8),
        partner=rng.permutation(count),
        share=rng.beta(mixup, mixup, count) if mixup else np.ones(count),
    )
    if not is_strong:
        return drawn
    return replace(drawn, jitter=draw_jitter(rng, drawn.flip, size, crop.is_aligned))


def _draw_patches(rng: np.random.Generator, count: int, size: int) -> np.ndarray:
    """Patches of random erasing within the face, int64 (count, 4).

    Zhong et al., "Random Erasing Data Augmentation", AAAI 2020, https://arxiv.org/abs/1708.04896,
    algorithm 1, in whole pixels as in the original toolkit. Of `_TRIES` simultaneous draws per
    patch the first that fits is taken; about one in three fits, so that hardly any has none.
    """
    area = rng.uniform(*ERASED_AREA, (_TRIES, count)) * size * size
    aspect = rng.uniform(*ERASED_ASPECT, (_TRIES, count))
    extent = np.sqrt((area / aspect, area * aspect)).astype(np.int64)  # (width, height), tries, n
    corner = rng.integers(0, size, extent.shape)
    fits = (corner + extent <= size).all(axis=0)  # (tries, n)
    first, column = fits.argmax(axis=0), np.arange(count)
    patches = np.concatenate((corner, extent))[:, first, column].T
    return np.where(fits.any(axis=0)[:, None], patches, 0)


def augment(
    faces: np.ndarray, labels: list[np.ndarray], weights: list[np.ndarray], drawn: Draw
) -> tuple[np.ndarray, list[np.ndarray], list[np.ndarray]]:
    """Apply a draw to faces, uint8 (N, S, S, 3), which are overwritten, and their labels.

    Each face is shifted (its border repeated) and flipped, or warped; jittered; erased; then faces,
    labels and weights are mixed with those of their partners, with the same share.

    Args:
        labels: per output, float32 (N, classes), distributions.
        weights: per output, float32 (N,), sample weights, 0 for unknown labels.
        drawn: of these N faces.
    """
    moved = _buffer_like(faces)
    shifts, flips, patches = drawn.shift.tolist(), drawn.flip.tolist(), drawn.patch.tolist()
    jitter = drawn.jitter
    for i, (face, out) in enumerate(zip(faces, moved, strict=True)):
        if jitter and jitter.warped[i]:
            warp(face, jitter.matrix[i], out)
        else:
            _move(face, shifts[i], flips[i], out)
        if jitter:
            degrade(out, jitter, i)
        left, top, width, height = patches[i]
        if width:
            out[top : top + height, left : left + width] = drawn.value[i]
    mixed = [_mix_labels(*own, drawn) for own in zip(labels, weights, strict=True)]
    return _mix_faces(moved, drawn, faces), [own[0] for own in mixed], [own[1] for own in mixed]


def _buffer_like(faces: np.ndarray) -> np.ndarray:
    """An array that this thread uses again: new memory takes as long as moving the faces."""
    buffer = getattr(_of_thread, "buffer", None)
    if buffer is None or buffer.shape[1:] != faces.shape[1:] or len(buffer) < len(faces):
        buffer = _of_thread.buffer = np.empty_like(faces)
    return buffer[: len(faces)]


def _move(face: np.ndarray, shift: list[int], flip: bool, out: np.ndarray) -> None:
    x, y = shift
    left, right = (x, 0) if x > 0 else (0, -x)  # border widths
    top, bottom = (y, 0) if y > 0 else (0, -y)
    kept = face[bottom : len(face) - top, right : len(face) - left]
    cv2.copyMakeBorder(kept, top, bottom, left, right, cv2.BORDER_REPLICATE, out)
    if flip:
        cv2.flip(out, 1, out)


def _mix_faces(faces: np.ndarray, drawn: Draw, out: np.ndarray) -> np.ndarray:
    """Zhang et al., "mixup: Beyond Empirical Risk Minimization", ICLR 2018,
    https://arxiv.org/abs/1710.09412. Partners are a permutation: every face is used once.

    Returns `out`, which may not overlap with `faces`.
    """
    for i, (j, kept) in enumerate(zip(drawn.partner.tolist(), drawn.share.tolist(), strict=True)):
        if kept > _ALL or kept < 1 - _ALL:
            out[i] = faces[i if kept > _ALL else j]
        else:
            cv2.addWeighted(faces[i], kept, faces[j], 1 - kept, 0, out[i])
    return out


def _mix_labels(
    labels: np.ndarray, weights: np.ndarray, drawn: Draw
) -> tuple[np.ndarray, np.ndarray]:
    """Mixed labels (N, classes) and weights (N,) of an output, see `augment`.

    Shares count among known labels, so that an unknown one dilutes nothing.
    """
    share, others = drawn.share.astype(np.float32), drawn.partner
    kept, added = share * (weights > 0), (1 - share) * (weights[others] > 0)
    total = kept + added
    kept, added = np.where(total > 0, (kept, added), [[1], [0]]) / np.where(total > 0, total, 1)
    mixed = kept[:, None] * labels + added[:, None] * labels[others]
    weight = share * weights + (1 - share) * weights[others]
    return mixed.astype(np.float32), weight.astype(np.float32)
