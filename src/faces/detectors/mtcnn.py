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
        super().__init__()
        mtcnn, stages, weights = (
            library(f"mtcnn{name}", "mtcnn==1.0.0") for name in ("", ".stages", ".assets.weights")
        )
        # Absolute paths, as the package would unpickle files of these names in the current folder.
        files = (f"{weights.__path__[0]}/{name}net.lz4" for name in "pro")
        networks = stages.StagePNet, stages.StageRNet, stages.StageONet
        self._model = mtcnn.MTCNN(
            [network(weights=file) for network, file in zip(networks, files, strict=True)]
        )

    def find(self, image: np.ndarray) -> list[Face]:
        # A row: index of the image, box, score, five x, five y.
        rows = self._model.detect_faces(
            image, fit_to_image=False, box_format="xyxy", output_type="numpy"
        )
        return [
            Face(Box(*row[1:5]), np.reshape(row[6:16], (2, 5)).T, float(row[5]))
            for row in np.asarray(rows, np.float64)
        ]
