"""MTCNN, three networks for boxes and five points."""

import numpy as np

from ...extras import library
from ..images import Box
from .base import Detector, Face


class Mtcnn(Detector):
    """A cascade of three networks: Zhang et al., SPL 2016, https://arxiv.org/abs/1604.02878."""

    smallest = 20  # the package's default of min_face_size
    box_calibration = 0.99, 0.01, 0.07

    def __init__(self) -> None:
        names = ("mtcnn", "mtcnn.stages", "mtcnn.assets.weights")
        mtcnn, stages, weights = (library(name, "mtcnn==1.0.0") for name in names)
        # Absolute paths, as the package would unpickle files of these names in the current folder.
        paths = {letter: f"{weights.__path__[0]}/{letter.lower()}net.lz4" for letter in "PRO"}
        self._model = mtcnn.MTCNN(
            [getattr(stages, f"Stage{letter}Net")(weights=path) for letter, path in paths.items()]
        )

    def find(self, image: np.ndarray) -> list[Face]:
        found = self._model.detect_faces(
            image, fit_to_image=False, box_format="xyxy", output_type="numpy"
        )
        # A row: index of the image, box, score, five x, five y.
        return [
            Face(Box(*row[1:5]), np.reshape(row[6:16], (2, 5)).T, float(row[5]))
            for row in np.asarray(found, np.float64)
        ]
