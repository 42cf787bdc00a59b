"""Small copies of images, for pages and tables."""

import base64

import cv2
import numpy as np


def shrink(image: np.ndarray, side: int) -> np.ndarray:
    """The image, shrunk to at most `side` pixels on its longer side, uint8 (h, w, ...)."""
    scale = min(1, side / max(image.shape[:2]))
    size = [max(1, round(length * scale)) for length in image.shape[1::-1]]
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def data_url(image: np.ndarray) -> str:
    """The image, uint8 (H, W, 3), BGR, as a data URL, for pages without other files."""
    _, content = cv2.imencode(".jpg", image)
    return f"data:image/jpeg;base64,{base64.b64encode(content).decode()}"
