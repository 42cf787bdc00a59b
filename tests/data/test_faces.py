import xml.etree.ElementTree as ElementTree

import cv2
import numpy as np
import pytest

from src.data.faces import DlibDetector
from src.data.images import Box, read_image


@pytest.fixture(scope="module")
def detect():
    return DlibDetector()


@pytest.fixture(scope="module")
def groups(shared):
    """dlib's example pictures of groups of people."""
    return shared / "demo" / "groups"


def labelled(groups, file):
    """Pictures and the boxes of their faces, as dlib's authors marked them."""
    for image in ElementTree.parse(groups / file).getroot().iter("image"):
        boxes = []
        for box in image.iter("box"):
            left, top, width, height = (int(box.get(k)) for k in ("left", "top", "width", "height"))
            boxes.append(Box(left, top, left + width, top + height))
        yield read_image(groups / image.get("file")), boxes


def overlap(a, b):
    """Intersection over union."""
    width = min(a.right, b.right) - max(a.left, b.left)
    height = min(a.bottom, b.bottom) - max(a.top, b.top)
    shared = max(width, 0) * max(height, 0)
    areas = [(box.right - box.left) * (box.bottom - box.top) for box in (a, b)]
    return shared / (sum(areas) - shared)


def assert_same_faces(found, expected, least=0.4):
    """Each expected face must be found once, and nothing else."""
    assert len(found) == len(expected)
    for box in expected:
        assert max(overlap(box, other) for other in found) > least


@pytest.mark.parametrize(("file", "count"), [("testing.xml", 25), ("training.xml", 18)])
def test_finds_every_marked_face_and_nothing_else(detect, groups, file, count):
    marked = 0
    for image, boxes in labelled(groups, file):
        assert_same_faces(detect(image), boxes)
        marked += len(boxes)
    assert marked == count


def test_finds_no_face_in_dogs(detect, groups):
    assert detect(read_image(groups / "dogs.jpg")) == []


@pytest.mark.parametrize("scale", [0.5, 3, 6])
def test_boxes_are_in_the_pictures_own_pixels(detect, groups, scale):
    """Whatever its size, which is not the size that is searched."""
    for image, boxes in list(labelled(groups, "testing.xml"))[:2]:
        resized = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        expected = [Box(*(edge * scale for edge in box)) for box in boxes]
        assert_same_faces(detect(resized), expected)


def test_face_at_the_border_is_found(detect, groups):
    image, boxes = next(labelled(groups, "testing.xml"))
    box = boxes[0]
    close = image[box.top + 4 :, box.left + 4 :]
    (found,) = (other for other in detect(close) if min(other.left, other.top) < 4)
    expected = Box(-4, -4, box.right - box.left - 4, box.bottom - box.top - 4)
    assert overlap(found, expected) > 0.4


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 1)])
def test_picture_too_thin_for_a_face_has_none(detect, shape):
    assert detect(np.zeros((*shape, 3), np.uint8)) == []
