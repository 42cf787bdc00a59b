"""MTCNN, three networks for boxes and five points."""

from contextlib import chdir

import numpy as np

from ...extras import library
from ..images import Box
from .base import Detector, Face


class Mtcnn(Detector):
    """A cascade of three networks: Zhang et al., SPL 2016, https://arxiv.org/abs/1604.02878."""

    smallest = 20  # the package's default of min_face_size
    box_calibration = 0.99, 0.01, 0.07

    def __init__(self) -> None:
        mtcnn = library("mtcnn", "mtcnn==1.0.0")
        with chdir(mtcnn.__path__[0]):  # it would unpickle pnet.lz4 of the current folder
            self._model = mtcnn.MTCNN()

    def find(self, image: np.ndarray) -> list[Face]:
        found = self._model.detect_faces(
            image, fit_to_image=False, box_format="xyxy", output_type="numpy"
        )
        # A row: index of the image, box, score, five x, five y.
        rows = np.asarray(found, np.float64)
        return [Face(Box(*row[1:5]), row[6:16].reshape(2, 5).T, float(row[5])) for row in rows]
