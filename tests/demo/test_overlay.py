"""Annotation: boxes, labels that grow with the picture and cover no face, blurred faces, hints."""

import cv2
import numpy as np
import pytest

from src.demo.overlay import COLOURS, add_hint, annotate
from src.faces.detectors import get_detector
from src.faces.images import Box
from tests.demo.made import estimates
from tests.portraits import two_people

BOX = Box(60, 80, 140, 160)
GREEN = (0, 200, 0)  # BGR
FEMALE, MALE = COLOURS


def annotated(*boxes, size=(200, 300), ages=None, p_female=0.9, **options):
    image = np.full((*size, 3), GREEN, np.uint8)
    ages = ages or [34.4] * len(boxes)
    return annotate(image, boxes, estimates(ages, [p_female] * len(boxes)), **options)


def painted(image):
    """Left, top, right and bottom (exclusive) of the pixels that are not green."""
    rows, columns = np.nonzero((image != GREEN).any(axis=2))
    return Box(columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)


def label_area(image, box):
    """Pixels of the label: white or in the gender's colour, without the lines of the box."""
    outside = image.copy()
    outside[box.top - 9 : box.bottom + 9, box.left - 9 : box.right + 9] = GREEN
    return (outside != GREEN).any(axis=2).sum()


def texts(monkeypatch, *args, **options):
    written = []
    monkeypatch.setattr(cv2, "putText", lambda image, text, *rest: written.append(text))
    annotated(*args, **options)
    return written


def test_picture_itself_is_unchanged():
    image = np.full((200, 300, 3), GREEN, np.uint8)
    assert (annotate(image, [], estimates([], [])) == image).all()
    annotate(image, [BOX], estimates([20], [0.2]), anonymize=True)
    assert (image == GREEN).all()


@pytest.mark.parametrize("p_female, colour", [(0.9, FEMALE), (0.1, MALE)])
def test_box_has_the_gender_s_colour(p_female, colour):
    image = annotated(BOX, p_female=p_female)
    for x, y in ((60, 120), (140, 120), (100, 80), (100, 160)):
        assert tuple(image[y, x]) == colour
    assert (image[85:155, 65:135] == GREEN).all()


@pytest.mark.parametrize("colour", COLOURS)
def test_label_has_contrast(colour):
    """WCAG's AAA level for text: 7:1."""
    linear = [
        c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in np.array(colour) / 255
    ]
    assert 1.05 / (np.dot(linear, (0.0722, 0.7152, 0.2126)) + 0.05) >= 7


@pytest.mark.parametrize(
    "age, p_female, text",
    [(34.4, 0.9, "34 (29-39) F"), (34.6, 0.1, "35 (29-39) M"), (99.9, 0.49, "100 (94-104) M")],
)
def test_label_is_age_interval_gender(monkeypatch, age, p_female, text):
    assert texts(monkeypatch, BOX, ages=[age], p_female=p_female) == [text]


def test_faces_are_numbered(monkeypatch):
    boxes = Box(10, 60, 60, 110), Box(200, 60, 250, 110)
    assert [t[:3] for t in texts(monkeypatch, *boxes, numbers=(3, 7))] == ["3: ", "7: "]


def test_label_stands_on_the_box():
    left, top, right, _ = painted(annotated(BOX))
    assert left == 60 or abs((left + right) / 2 - 100) < 2
    assert 50 < top < 70


def test_text_grows_with_the_picture():
    """The label of a face of 50 pixels is legible in a photo of 4000 pixels too."""
    small = painted(annotated(Box(60, 80, 110, 130), size=(300, 400)))
    large = painted(annotated(Box(600, 800, 650, 850), size=(3000, 4000)))
    assert (large.right - large.left) / (small.right - small.left) > 4


@pytest.mark.parametrize("place", [(-20, -20), (260, 0), (230, 150), (100, 160), (0, 80)])
def test_label_stays_in_the_picture(place):
    box = Box(*place, place[0] + 60, place[1] + 60)
    whole = label_area(annotated(Box(120, 80, 180, 140)), Box(120, 80, 180, 140))
    assert label_area(annotated(box), box) >= 0.8 * whole


def test_labels_cover_no_face():
    """24 faces close to each other, as in a class photo."""
    grid = [(x, y) for y in range(60, 700, 160) for x in range(40, 1000, 160)]
    boxes = [Box(x, y, x + 90, y + 90) for x, y in grid]
    image = annotated(*boxes, size=(720, 1060))
    for box in boxes:
        assert (image[box.top + 4 : box.bottom - 3, box.left + 4 : box.right - 3] == GREEN).all()


def test_anonymous_faces_are_not_found():
    image = two_people(960)
    detect = get_detector("dlib")
    boxes = [face.box for face in detect(image)]
    hidden = annotate(image, boxes, estimates([30, 40], [0.1, 0.1]), anonymize=True)
    assert (len(boxes), len(detect(hidden))) == (2, 0)
    assert (hidden[-100:] == image[-100:]).mean() > 0.99


@pytest.mark.parametrize("size", [(200, 300), (720, 1280), (8, 300)])
def test_hint_is_a_dark_strip_below(size):
    image = np.full((*size, 3), GREEN, np.uint8)
    hinted = add_hint(image, "any key: next   ESC: end")
    assert (image == GREEN).all()
    top = painted(hinted).top
    assert size[0] <= 8 or 0 < size[0] - top < size[0] / 8
    assert hinted[top:].max(axis=2).min() <= 200 // 3
    assert (hinted > 200).all(axis=2).any()


@pytest.mark.parametrize("size", [(6, 3000), (3000, 6), (1, 1)])
def test_thin_pictures_are_annotated(size):
    assert annotated(Box(0, 0, size[1], size[0]), size=size, anonymize=True).shape == (*size, 3)
