"""Annotation: boxes, labels no wider than their faces, blurred faces."""

import cv2
import numpy as np
import pytest

from src.demo.overlay import COLOURS, GREY, annotate
from src.faces.detectors import get_detector
from src.faces.images import Box
from tests.demo.made import face_estimates
from tests.portraits import two_people

BOX = Box(60, 80, 140, 160)
GREEN = (0, 200, 0)  # BGR
FEMALE, MALE = COLOURS


def annotated(*boxes, size=(200, 300), ages=None, p_female=0.9, **options):
    image = np.full((*size, 3), GREEN, np.uint8)
    ages = ages or [34.4] * len(boxes)
    return annotate(image, face_estimates(boxes, ages, [p_female] * len(boxes)), **options)


def painted(image):
    """Left, top, right and bottom (exclusive) of the pixels that are not green."""
    rows, columns = np.nonzero((image != GREEN).any(axis=2))
    return Box(columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)


def texts(monkeypatch, *args, **options):
    written = []
    monkeypatch.setattr(cv2, "putText", lambda image, text, *rest: written.append(text))
    annotated(*args, **options)
    return written


def test_image_itself_is_unchanged():
    image = np.full((200, 300, 3), GREEN, np.uint8)
    assert (annotate(image, []) == image).all()
    annotate(image, face_estimates([BOX], [20], [0.2]), anonymize=True)
    assert (image == GREEN).all()


@pytest.mark.parametrize(
    "p_female, colour", [(0.9, FEMALE), (0.1, MALE), (0.79, GREY), (0.3, GREY)]
)
def test_box_has_the_gender_s_colour(p_female, colour):
    image = annotated(BOX, p_female=p_female)
    for x, y in ((60, 120), (140, 120), (100, 80), (100, 160)):
        assert tuple(image[y, x]) == colour
    assert (image[85:155, 65:135] == GREEN).all()


@pytest.mark.parametrize("colour", [*COLOURS, GREY])
def test_label_has_contrast(colour):
    """WCAG's AAA level for text: 7:1."""
    linear = [
        c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in np.array(colour) / 255
    ]
    assert 1.05 / (np.dot(linear, (0.0722, 0.7152, 0.2126)) + 0.05) >= 7


@pytest.mark.parametrize("shown, text", [("age", "34 (29-39)"), ("gender", "F")])
def test_only_one_of_them_is_shown(monkeypatch, shown, text):
    wide = Box(40, 60, 200, 190)
    assert texts(monkeypatch, wide, shown=shown) == [text]
    assert (tuple(annotated(wide, shown=shown)[100, 40]) == GREY) == (shown == "age")


@pytest.mark.parametrize(
    "side, text", [(160, "7: 34 (29-39) F"), (60, "7: 34 F"), (25, "34 F"), (18, "34"), (9, "34")]
)
def test_label_is_no_wider_than_its_face(monkeypatch, side, text):
    box = Box(60, 60, 60 + side, 60 + side)
    assert texts(monkeypatch, box, numbers=[7]) == [text]
    monkeypatch.undo()
    left, _, right, _ = painted(annotated(box, numbers=[7]))
    assert right - left <= max(side, 20) + 4


def test_label_stands_on_the_box():
    left, top, right, _ = painted(annotated(BOX))
    assert left == 60 or abs((left + right) / 2 - 100) < 2
    assert 50 < top < 70


@pytest.mark.parametrize("corner", [(-20, -20), (260, 0), (230, 150), (100, 160), (0, 80)])
def test_label_stays_in_the_image(corner):
    box = Box(*corner, corner[0] + 60, corner[1] + 60)
    assert (annotated(box) > 180).all(axis=2).sum() > 50  # pixels of the text


def test_labels_cover_no_face():
    """24 faces close to each other, as in a class photo."""
    grid = [(x, y) for y in range(60, 700, 160) for x in range(40, 1000, 160)]
    boxes = [Box(x, y, x + 90, y + 90) for x, y in grid]
    image = annotated(*boxes, size=(720, 1060), numbers=range(1, 31))
    for box in boxes:
        assert (image[box.top + 4 : box.bottom - 3, box.left + 4 : box.right - 3] == GREEN).all()


def test_no_line_leads_to_a_label():
    """Faces that touch each other: a label covers its own face rather than another."""
    boxes = [Box(x, y, x + 60, y + 60) for y in range(0, 180, 60) for x in range(0, 180, 60)]
    image = annotated(*boxes, size=(180, 180))
    for box in boxes:
        part = image[box.top + 2 : box.bottom - 1, box.left + 2 : box.right - 1]
        assert (part > 180).all(axis=2).sum() > 50  # its own text
        assert (part == GREEN).all(axis=2).mean() > 0.5


def test_anonymous_faces_are_not_found():
    image = two_people(960)
    detect = get_detector("dlib")
    boxes = [face.box for face in detect(image)]
    hidden = annotate(image, face_estimates(boxes, [30, 40], [0.1, 0.1]), anonymize=True)
    assert (len(boxes), len(detect(hidden))) == (2, 0)
    assert (hidden[-100:] == image[-100:]).mean() > 0.99


@pytest.mark.parametrize("size", [(6, 3000), (3000, 6), (1, 1)])
def test_thin_images_are_annotated(size):
    assert annotated(Box(0, 0, size[1], size[0]), size=size, anonymize=True).shape == (*size, 3)
