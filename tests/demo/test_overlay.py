"""What is drawn onto a picture: boxes, "age, M" or "age, F" on top of them, a hint below."""

import cv2
import numpy as np
import pytest

from src.demo.overlay import add_hint, annotate
from src.faces.images import Box
from tests.demo.made import estimates

BOX = Box(60, 80, 140, 160)
BLUE = (255, 0, 0)  # BGR
GREEN = (0, 200, 0)


def annotated(box, age=34.4, p_female=0.9, size=(200, 300)):
    image = np.full((*size, 3), GREEN, np.uint8)
    said = estimates([age], [p_female])
    return annotate(image, [box], said)


def painted(image):
    """Left, top, right and bottom (outside) of what is no longer green."""
    rows, columns = np.nonzero((image != GREEN).any(axis=2))
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


def test_the_picture_itself_stays_as_it_was():
    image = np.full((200, 300, 3), GREEN, np.uint8)
    annotate(image, [BOX], estimates([20], [0.2]))
    assert (image == GREEN).all()


def test_without_faces_nothing_is_drawn():
    image = np.full((200, 300, 3), GREEN, np.uint8)
    assert (annotate(image, [], estimates([], [])) == image).all()


def test_the_box_is_drawn_in_blue_and_its_inside_left_alone():
    image = annotated(BOX)
    for x, y in ((60, 120), (140, 120), (100, 80), (100, 160)):
        assert tuple(image[y, x]) == BLUE
    assert (image[85:155, 65:135] == GREEN).all()


def test_the_label_stands_on_top_of_the_box():
    image = annotated(BOX)
    label = image[60:80, 60:]
    white = (label > 200).all(axis=2)
    assert white.any()
    assert painted(image)[0] >= 59
    assert 40 < painted(image)[1] < 75


@pytest.mark.parametrize(
    "age, p_female, text",
    [(34.4, 0.9, "34, F"), (34.6, 0.1, "35, M"), (0.2, 0.51, "0, F"), (99.9, 0.49, "100, M")],
)
def test_the_label_says_whole_years_and_the_likelier_gender(monkeypatch, age, p_female, text):
    written = []
    monkeypatch.setattr(cv2, "putText", lambda image, label, *rest: written.append(label))
    annotated(BOX, age, p_female)
    assert written == [text]


@pytest.mark.parametrize(
    "box",
    [
        Box(-20, -20, 60, 60),
        Box(260, 0, 340, 80),
        Box(270, 150, 310, 210),
    ],
)
def test_a_label_that_would_leave_the_picture_is_moved_into_it(monkeypatch, box):
    written = []

    def put(image, label, origin, font, scale, colour, thickness, how):
        (width, height), _ = cv2.getTextSize(label, font, scale, thickness)
        written.append((origin[0], origin[1] - height, origin[0] + width, origin[1]))

    monkeypatch.setattr(cv2, "putText", put)
    annotated(box)
    [(left, top, right, bottom)] = written
    assert 0 <= left < right <= 300
    assert 0 <= top < bottom <= 200


def test_each_face_has_its_own_label(monkeypatch):
    written = {}
    monkeypatch.setattr(
        cv2, "putText", lambda image, label, origin, *rest: written.update({label: origin[0]})
    )
    said = estimates([20, 50], [0.9, 0.1])
    annotate(
        np.zeros((200, 300, 3), np.uint8), [Box(10, 60, 60, 110), Box(200, 60, 250, 110)], said
    )
    assert written == {"20, F": 10, "50, M": 200}


@pytest.mark.parametrize("size", [(200, 300), (720, 1280), (8, 300)])
def test_a_hint_stands_in_a_dark_strip_at_the_bottom(size):
    image = np.full((*size, 3), GREEN, np.uint8)
    hinted = add_hint(image, "any key: next   ESC: end")
    assert (image == GREEN).all()
    _, top, _, _ = painted(hinted)
    assert size[0] <= 8 or 0 < size[0] - top < size[0] / 8
    assert hinted[top:].max(axis=2).min() <= 200 // 3
    assert (hinted > 200).all(axis=2).any()
