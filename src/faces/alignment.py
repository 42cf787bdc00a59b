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

    The border of the picture is repeated outside it. The similarity transform is the least-squares
    solution: Umeyama, PAMI 1991.
    """
    template = (TEMPLATES[alignment] + margin) / (1 + 2 * margin) * size
    matrix = _similarity(points, template)
    scale = float(np.hypot(*matrix[0, :2]))
    if scale < _ALIASING and 2 * scale * min(image.shape[:2]) >= 1:
        small = cv2.resize(image, None, fx=2 * scale, fy=2 * scale, interpolation=cv2.INTER_AREA)
        points = (points + 0.5) * np.divide(small.shape[1::-1], image.shape[1::-1]) - 0.5
        image = small
        matrix = _similarity(points, template)
    return cv2.warpAffine(
        image, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def _similarity(points: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Rotation, scale and shift from points to targets, float64 (2, 3)."""
    # In complex numbers a similarity is z -> a z + b.
    source, target = points @ (1, 1j), targets @ (1, 1j)
    centred = source - source.mean()
    a = np.vdot(centred, target - target.mean()) / np.vdot(centred, centred)
    b = target.mean() - a * source.mean()
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])
