"""CenterFace, one network for boxes and five points."""

import cv2
import numpy as np

from ...extras import library
from ...files import wrap_read_errors
from ...shipped import shipped_path
from ..images import Box, crop_with_margin, overlap
from .base import Detector, Face

_STRIDES = 32  # pixels; sides of the input are multiples of it
_OUTPUTS = ["537", "538", "539", "540"]  # score, sides, offset and points
_LARGE = 3_000_000  # values of an image whose memory is released: 0.2 GB per megapixel
_MIN_SCORE = 0.5
_LOWEST_RESOLUTION = 96  # pixels
_MAX_OVERLAP = 0.3  # intersection over union of two faces
# `find_points` searches a box with this margin, at this resolution, with this border around it. A
# lower score is safe, as the box contains a face.
_SURROUNDINGS, _POINTS_SIDE, _POINTS_BORDER = 0.4, 160, 16
_MIN_POINTS_SCORE = 0.3


class CenterFace(Detector):
    """Xu et al., "CenterFace: joint face detection and alignment using face as point",
    https://arxiv.org/abs/1911.03599: one network, which also finds five points.

    ONNX Runtime takes half of OpenCV's time; one thread per image is the fastest for many images.
    """

    smallest, resolution = 16, 160
    box_calibration = 0.97, -0.03, 0.05

    def __init__(self) -> None:
        onnxruntime = library("onnxruntime")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        path = shipped_path("centerface.onnx")
        with wrap_read_errors(path, "the shipped detector (`git checkout pretrained_models`)"):
            self._session = onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"])
        self._release = onnxruntime.RunOptions()
        self._release.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")

    def find(self, image: np.ndarray) -> list[Face]:
        """Faces at the resolution of `image`, or at lower ones if there are none, as the network
        misses faces much larger than 200 pixels."""
        found, factor = self.search(image), 1
        while not found and max(image.shape[:2]) > _LOWEST_RESOLUTION:
            image = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
            found, factor = self.search(image), 2 * factor
        return [face.scaled(factor) for face in found]

    def search(self, image: np.ndarray, min_score: float = _MIN_SCORE) -> list[Face]:
        """Faces in `image`, uint8 (H, W, 3), RGB, at its resolution, in CenterFace's convention."""
        height, width = image.shape[:2]
        padded = cv2.copyMakeBorder(
            image, 0, -height % _STRIDES, 0, -width % _STRIDES, cv2.BORDER_CONSTANT
        )
        feeds = {"input.1": cv2.dnn.blobFromImage(padded)}
        options = self._release if padded.size > _LARGE else None
        # Maps with one value per 4 x 4 pixels: score, logarithm of the box's height and width,
        # offset of its centre, points in sides of the box; y before x.
        heat, scale, offset, marks = self._session.run(_OUTPUTS, feeds, options)
        row, column = np.nonzero(heat[0, 0] > min_score)
        score = heat[0, 0, row, column].astype(np.float64)
        cell = np.stack([row, column], axis=1)
        sides = np.exp(scale[0, :, row, column].astype(np.float64)) * 4
        corner = (cell + offset[0, :, row, column] + 0.5) * 4 - sides / 2
        points = marks[0, :, row, column].reshape(-1, 5, 2) * sides[:, None] + corner[:, None]
        boxes = np.concatenate([corner, sides], axis=1)[:, [1, 0, 3, 2]]  # left, top, width, height
        kept = cv2.dnn.NMSBoxes(boxes, score, min_score, _MAX_OVERLAP) if len(boxes) else []
        boxes[:, 2:] += boxes[:, :2]
        return [Face(Box(*boxes[i]), points[i, :, ::-1], float(score[i])) for i in np.ravel(kept)]

    def find_points(self, image: np.ndarray, box: Box) -> np.ndarray | None:
        """The five points of the face that overlaps `box` most; None if there is no face.

        The box and its surroundings are searched at one resolution.
        """
        part = crop_with_margin(image, box, _SURROUNDINGS)
        sides = np.subtract(box[2:], box[:2])
        left, top = np.maximum(np.subtract(box[:2], _SURROUNDINGS * sides), 0).astype(int).tolist()
        scale = _POINTS_SIDE / max(*part.shape[:2], 1)
        if min(part.shape[:2]) * scale < 1:
            return None
        interpolation = cv2.INTER_LINEAR if scale > 1 else cv2.INTER_AREA
        part = cv2.resize(part, None, fx=scale, fy=scale, interpolation=interpolation)
        below, after = np.subtract(_POINTS_SIDE + _POINTS_BORDER, part.shape[:2]).tolist()
        part = cv2.copyMakeBorder(
            part, _POINTS_BORDER, below, _POINTS_BORDER, after, cv2.BORDER_CONSTANT
        )
        found = self.search(cv2.cvtColor(part, cv2.COLOR_BGR2RGB), _MIN_POINTS_SCORE)
        own = np.subtract(box, (left, top, left, top)) * scale + _POINTS_BORDER
        found = [face for face in found if overlap(face.box, own)]
        if not found:
            return None
        face = max(found, key=lambda face: overlap(face.box, own))
        return (face.points - _POINTS_BORDER + 0.5) / scale - 0.5 + (left, top)
