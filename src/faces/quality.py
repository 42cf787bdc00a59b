"""Quality of faces for age estimation."""

from __future__ import annotations

import math

import cv2
import numpy as np

from .detectors.base import Face
from .images import crop_with_margin

# Range of each measure within which errors do not grow, and the growth of the error's logarithm per
# unit outside it: fitted by benchmarks/quality.py.
_EFFECTS = (
    ("size", 6.5, math.inf, 0.18),
    ("sharpness", -1.0, math.inf, 0.31),
    ("brightness", 0.15, math.inf, 2.4),
    ("brightness", -math.inf, 0.65, 1.6),
    ("score", 0.9, math.inf, 1.7),
    ("turn", -math.inf, 0.1, 0.14),
)


def face_quality(image: np.ndarray, face: Face) -> float:
    """Quality of a face, 0..1: at 0.5, age errors are twice as large as on an ideal face.

    The effects were measured with CenterFace, whose scores are 0.5..1; see docs/detectors.md.
    image: uint8 (H, W, 3), BGR.
    """
    measured = measure(image, face)
    effects = ((measured[name], *effect) for name, *effect in _EFFECTS)
    return math.exp(-sum(w * max(low - value, value - high, 0) for value, low, high, w in effects))


def measure(image: np.ndarray, face: Face) -> dict[str, float]:
    """What the quality of a face depends on.

    size: binary logarithm of the box's side in pixels.
    sharpness: binary logarithm of the Laplacian's standard deviation, as a share of the patch's.
    brightness: mean grey level, 0..1.  score: the detector's, 0.5..1.
    turn: distance of the nose from the line between eyes and mouth, in lengths of that line; 0
        without points.
    """
    patch = cv2.cvtColor(crop_with_margin(image, face.box, 0.0), cv2.COLOR_BGR2GRAY)
    patch = cv2.resize(patch, (64, 64), interpolation=cv2.INTER_AREA)
    edges = cv2.Laplacian(patch, cv2.CV_32F).std() / (patch.std() + 1)
    turn = 0.0
    if face.points is not None:
        eyes, mouth = face.points[:2].mean(axis=0), face.points[3:].mean(axis=0)
        (x, y), (nose_x, nose_y) = mouth - eyes, face.points[2] - eyes
        turn = float(abs(x * nose_y - y * nose_x) / max(x * x + y * y, 1e-6))
    return {
        "size": math.log2(max(face.box.right - face.box.left, 1)),
        "sharpness": math.log2(edges + 1e-3),
        "brightness": float(patch.mean()) / 255,
        "score": min(max(face.score, 0.5), 1.0),
        "turn": turn,
    }
