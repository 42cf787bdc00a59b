"""src/demo/flow.py: boxes that follow moving faces."""

import cv2
import numpy as np
import pytest

from src.demo.flow import follow
from tests import portraits

BOXES = np.array(portraits.BOXES, float)


@pytest.fixture(scope="module")
def people():
    return cv2.cvtColor(portraits.two_people(640), cv2.COLOR_BGR2GRAY)


@pytest.mark.parametrize(
    "scale, shift",
    [(1, (6, -4)), (1, (12, 9)), (1.03, (2, 3)), (0.96, (-5, 2)), (1.06, (0, 0)), (1.1, (8, -8))],
)
def test_moving_and_growing_faces_are_followed(people, scale, shift):
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]], float)
    matrix[:, 2] += (1 - scale) * BOXES[0].reshape(2, 2).mean(axis=0)  # about the first face
    now = cv2.warpAffine(people, matrix, people.shape[::-1], borderMode=cv2.BORDER_REFLECT)
    expected = cv2.transform(BOXES.reshape(-1, 1, 2), matrix).reshape(-1, 4)
    assert np.abs(follow(people, now, BOXES) - expected).max() < 2


def test_only_the_missing_face_is_lost(people):
    now = people.copy()
    now[70:198, 94:222] = np.random.default_rng(0).integers(0, 256, (128, 128))
    first, second = follow(people, now, BOXES)
    assert np.isnan(first).all()
    assert second == pytest.approx(BOXES[1], abs=0.1)


def test_face_outside_the_frame_is_lost(people):
    gone = cv2.warpAffine(people, np.array([[1, 0, 0], [0, 1, -200.0]]), people.shape[::-1])
    assert np.isnan(follow(people, gone, BOXES[:1])).all()


def test_no_faces_to_follow(people):
    assert follow(people, people, np.empty((0, 4))).shape == (0, 4)
