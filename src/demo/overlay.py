"""What the demo draws onto a picture."""

import cv2
import numpy as np

from src.estimation.estimator import Estimates
from src.faces.images import Box
from src.labels import INITIALS

_BLUE, _WHITE = (255, 0, 0), (255, 255, 255)
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def annotate(image: np.ndarray, boxes: list[Box], estimates: Estimates) -> np.ndarray:
    """A copy of `image`, uint8 (H, W, 3), BGR, with every face's box and "age, M" or "age, F"."""
    annotated = image.copy()
    for box, age, gender in zip(boxes, estimates.age, estimates.gender, strict=True):
        scale = max(0.4, (box.right - box.left) / 160)
        thickness = max(1, round(2 * scale))
        cv2.rectangle(annotated, box[:2], box[2:], _BLUE, thickness)
        _draw_label(annotated, box, f"{age:.0f}, {INITIALS[gender]}", scale, thickness)
    return annotated


def _draw_label(image: np.ndarray, box: Box, label: str, scale: float, thickness: int) -> None:
    """White text on blue, on top of the box, moved into the picture where it would leave it."""
    (width, height), below = cv2.getTextSize(label, _FONT, scale, thickness)
    height += below
    left = max(0, min(box.left, image.shape[1] - width))
    bottom = max(box.top, height)
    cv2.rectangle(image, (left, bottom - height), (left + width, bottom), _BLUE, cv2.FILLED)
    origin = (left, bottom - below // 2 - 1)
    cv2.putText(image, label, origin, _FONT, scale, _WHITE, thickness, cv2.LINE_AA)


def add_hint(image: np.ndarray, hint: str) -> np.ndarray:
    """A copy of `image`, uint8 (H, W, 3), with `hint` in a dark strip at its bottom."""
    hinted = image.copy()
    height, width = image.shape[:2]
    scale = max(0.4, width / 1600)
    (_, text_height), below = cv2.getTextSize(hint, _FONT, scale, 1)
    strip = hinted[max(height - text_height - 2 * below, 0) :]
    strip //= 3
    origin = (below, height - below)
    cv2.putText(hinted, hint, origin, _FONT, scale, _WHITE, max(1, round(scale)), cv2.LINE_AA)
    return hinted
