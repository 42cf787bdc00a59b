"""Alignment of faces by five points: eyes, tip of the nose, corners of the mouth."""

import cv2
import numpy as np

# Positions of the five points in a square of side 1, without a margin. "five_points" is ArcFace's
# template (Deng et al., CVPR 2019, https://arxiv.org/abs/1801.07698). "face_chip" is that of
# `dlib.get_face_chip`, which calls the margin padding: medians of CenterFace's points on 116 face
# chips of UTKFace and All-Age-Faces.
TEMPLATES = {
    "five_points": np.array(
        [
            (38.2946, 51.6963),
            (73.5318, 51.5014),
            (56.0252, 71.7366),
            (41.5493, 92.3655),
            (70.7299, 92.2041),
        ]
    )
    / 112,
    "face_chip": np.array(
        [(0.2314, 0.2367), (0.7686, 0.2367), (0.5, 0.5139), (0.2756, 0.743), (0.7244, 0.743)]
    ),
}
_ALIASING = 0.5  # scale below which bilinear interpolation skips pixels


def align(
    image: np.ndarray, points: np.ndarray, alignment: str, margin: float, size: int
) -> np.ndarray:
    """The face, warped so that its points match a template, uint8 (size, size, 3), BGR.

    points: float64 (5, 2), pixels.  alignment: one of `TEMPLATES`.  margin: around the template,
    as a fraction of its side.

    The border of the image is repeated outside it. Of a large image, only the region of the face is
    shrunk before it is warped.
    """
    matrix = template_transform(points, alignment, margin, size)
    scale = float(np.hypot(*matrix[0, :2]))
    if scale < _ALIASING:
        image, matrix = _shrink_region(image, matrix, scale, size)
    return cv2.warpAffine(
        image, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def template_transform(points: np.ndarray, alignment: str, margin: float, size: int) -> np.ndarray:
    """Rotation, scale and shift from points in the image to the aligned face, float64 (2, 3).

    The similarity transform is the least-squares solution: Umeyama, PAMI 1991.
    """
    template = template_points(alignment, margin, size)
    # In complex numbers a similarity is z -> a z + b.
    source, target = points @ (1, 1j), template @ (1, 1j)
    centred = source - source.mean()
    a = np.vdot(centred, target - target.mean()) / np.vdot(centred, centred)
    b = target.mean() - a * source.mean()
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


def template_points(alignment: str, margin: float, size: int) -> np.ndarray:
    """The five points of an aligned face, x and y in its pixels, float64 (5, 2)."""
    return (TEMPLATES[alignment] + margin) / (1 + 2 * margin) * size


def _shrink_region(
    image: np.ndarray, matrix: np.ndarray, scale: float, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """The part of `image` that `matrix` maps to the face, at twice the face's scale, and the
    transform from it.

    The part has the pixels that the whole image has after shrinking it.
    """
    corners = np.array([(0, 0), (size, 0), (0, size), (size, size)], float)
    corners = cv2.transform(corners[None], cv2.invertAffineTransform(matrix))[0]
    factor = 0.5 / scale  # pixels of the image per shrunk pixel
    spans, back = [], np.eye(3)
    for axis, side in enumerate(image.shape[1::-1]):
        count = max(round(side / factor), 1)
        first = _on_grid(corners[:, axis].min() / factor - 4, factor, -1, count - 1)
        last = max(_on_grid(corners[:, axis].max() / factor + 4, factor, 1, count), first + 1)
        spans.append((first, last, round(first * factor), round(last * factor)))
        back[axis, [axis, 2]] = factor, (first + 0.5) * factor - 0.5
    (left, right, *columns), (top, bottom, *rows) = spans
    region = image[slice(*rows), slice(*columns)]
    shrunk = cv2.resize(region, (right - left, bottom - top), interpolation=cv2.INTER_AREA)
    return shrunk, matrix @ back


def _on_grid(index: float, factor: float, step: int, most: int) -> int:
    """The next of the shrunk pixels from `index` on whose border is nearest to a whole pixel."""
    indices = np.clip(int(index) + step * np.arange(32), 0, most)
    borders = indices * factor
    return int(indices[np.argmin(np.abs(borders - np.rint(borders)))])
