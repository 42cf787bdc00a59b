"""Quality of a detected face."""

import cv2
import numpy as np

_SIDE = 64  # pixels, of the face that is measured
# Values of clear faces: score above the detector's minimum, grey level, standard deviation of the
# Laplacian.
_SCORE, _BRIGHTNESS, _SHARPNESS = (0.5, 0.8), 60, 6


def face_quality(face: np.ndarray, score: float) -> float:
    """Quality, 0..1, of a face, uint8 (H, W, 3), BGR: the geometric mean of detector score,
    brightness and sharpness relative to those of a clear face."""
    if not face.size:
        return 0.0
    grey = cv2.cvtColor(cv2.resize(face, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA), 6)
    certainty = (score - _SCORE[0]) / (_SCORE[1] - _SCORE[0])
    sharpness = cv2.Laplacian(grey, cv2.CV_32F).std() / _SHARPNESS
    parts = np.clip([certainty, grey.mean() / _BRIGHTNESS, sharpness], 0, 1)
    return float(parts.prod() ** (1 / 3))
