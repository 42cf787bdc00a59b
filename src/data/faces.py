"""Where the faces are in a picture."""

import cv2
import numpy as np

from src.data.images import Box

# dlib's detector finds faces from 80 pixels up. As in the original toolkit, which shrank pictures
# to 640 pixels and let dlib double them, it sees every picture with this longer side, so that a
# face is found from a 16th of it up; enlarging more than 4 times would show it no more.
SEARCHED_SIDE = 1280
MOST_ENLARGED = 4


class DlibDetector:
    """dlib's frontal face detector: HOG features (Dalal and Triggs, CVPR 2005) and a linear SVM."""

    def __init__(self):
        import dlib

        self._detect = dlib.get_frontal_face_detector()

    def __call__(self, image: np.ndarray) -> list[Box]:
        """Boxes of the faces in `image`, uint8 (H, W, 3), BGR, in its own pixels."""
        scale = min(SEARCHED_SIDE / max(image.shape[:2]), MOST_ENLARGED)
        how = cv2.INTER_LINEAR if scale > 1 else cv2.INTER_AREA
        sides = [max(round(side * scale), 1) for side in image.shape[1::-1]]  # a strip may be thin
        searched = cv2.resize(image, sides, interpolation=how)
        # cvtColor, as dlib misreads the negative strides of image[:, :, ::-1].
        found = self._detect(cv2.cvtColor(searched, cv2.COLOR_BGR2RGB), 0)
        return [_box(face, scale) for face in found]


def _box(face, scale: float) -> Box:
    """A dlib rectangle, whose right and bottom are inside, in the pixels of the whole picture."""
    edges = (face.left(), face.top(), face.right() + 1, face.bottom() + 1)
    return Box(*(round(edge / scale) for edge in edges))
