"""Face detectors on portraits, and on photos of groups that dlib's authors marked."""

from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from benchmarks.detectors import marked_images, matched
from src.errors import UserError
from src.faces.detectors import DETECTORS, centerface, get_detector
from src.faces.images import Box, crop_with_margin, overlap
from tests.portraits import BOXES, nobody, two_people

SEARCHING = [name for name in DETECTORS if name != "none"]
QUICK = ["centerface", "dlib"]


def detector(name, min_face=None):
    """The boxes that a detector finds."""
    return lambda image: [face.box for face in get_detector(name)(image, min_face)]


@pytest.fixture(scope="module")
def groups(shared):
    """dlib's example images of groups of people."""
    return shared / "demo" / "groups"


def two_faces(width):
    """An image of two people, `width` pixels wide, and the boxes of their faces."""
    scale = width / 640
    return two_people(width), [Box(*(round(edge * scale) for edge in box)) for box in BOXES]


def around(image, box, border):
    """A face with `border` pixels on each side, and its box."""
    part = image[box.top - border : box.bottom + border, box.left - border : box.right + border]
    return part, Box(border, border, *(side - border for side in part.shape[1::-1]))


def assert_same_faces(found, expected, min_overlap=0.4):
    """Each expected face must be found once, and no other box."""
    assert len(found) == len(matched(found, expected, min_overlap)) == len(expected)


@pytest.mark.parametrize("name", QUICK)
@pytest.mark.parametrize(("file", "count"), [("testing.xml", 25), ("training.xml", 18)])
def test_every_marked_face_is_found(groups, name, file, count):
    images = list(marked_images(groups / file))
    found = [detector(name)(image) for image, _ in images]
    hits = sum(len(matched(a, b, 0.35)) for a, (_, b) in zip(found, images, strict=True))
    assert hits == count
    assert sum(map(len, found)) - hits <= 1


@pytest.mark.parametrize("name", ["centerface", "mtcnn"])
def test_points_lie_in_the_face(name):
    for image, boxes in map(two_faces, (1112, 640)):
        for face in get_detector(name)(image):
            left, right, nose, mouth_left, mouth_right = face.points
            assert left[0] < nose[0] < right[0] and mouth_left[0] < mouth_right[0]
            assert max(left[1], right[1]) < nose[1] < min(mouth_left[1], mouth_right[1])
            assert any(
                (np.greater_equal(face.points, box[:2]) & np.less(face.points, box[2:])).all()
                for box in boxes
            )


@pytest.mark.parametrize("margin", [0.1, 0.4, 0.8])
def test_points_in_a_face_crop(margin):
    """For all sizes of the face in the image."""
    image, boxes = two_faces(640)
    for box in boxes:
        side = box.right - box.left
        left, top = (max(int(edge - margin * side), 0) for edge in box[:2])
        crop = crop_with_margin(image, box, margin)
        whole = Box(0, 0, *crop.shape[1::-1])
        points = np.add(get_detector("centerface").find_points(crop, whole), (left, top))
        own = max(get_detector("centerface")(image), key=lambda face: overlap(face.box, box)).points
        assert np.abs(points - own).mean() < 0.08 * side


@pytest.mark.parametrize("box", [Box(0, 0, 40, 40), Box(-500, -500, -400, -400)])
def test_no_points_without_a_face(box):
    for image in (np.full((100, 100, 3), 90, np.uint8), nobody()):
        assert get_detector("centerface").find_points(image, box) is None


@pytest.mark.parametrize("name", QUICK)
def test_threads_share_a_detector(name):
    images = [two_faces(width)[0] for width in range(300, 700, 50)]
    detect = get_detector(name)
    with ThreadPoolExecutor(4) as pool:
        found = [*pool.map(detect, images)]
    for faces, image in zip(found, images, strict=True):
        assert [face.box for face in faces] == [face.box for face in detect(image)] != []


def test_mtcnn_ignores_the_current_folder(monkeypatch, tmp_path):
    pytest.importorskip("mtcnn")
    for name in ("pnet", "rnet", "onet"):
        (tmp_path / f"{name}.lz4").write_text("whatever somebody put here")
    monkeypatch.chdir(tmp_path)
    assert get_detector("mtcnn")(np.zeros((50, 50, 3), np.uint8)) == []


@pytest.mark.parametrize("name", SEARCHING)
def test_boxes_agree_with_dlibs(groups, name):
    """So that crops agree between detectors."""
    pairs = []
    for image, boxes in marked_images(groups / "testing.xml"):
        for box in (box for box in boxes if box.right - box.left > 50):
            part, marked = around(image, box, 30)
            (found,) = detector(name, 50)(part)
            assert abs((found.right - found.left) - (found.bottom - found.top)) <= 1
            pairs.append((found, marked))
    edges = np.array(pairs)
    sides = edges[:, :, 2:] - edges[:, :, :2]
    centres = (edges[:, :, 2:] + edges[:, :, :2]) / 2
    ratios = sides[:, 0] / sides[:, 1]
    shifts = (centres[:, 0] - centres[:, 1]) / sides[:, 1]
    assert np.median(ratios) == pytest.approx(1, abs=0.1)
    assert np.median(shifts, axis=0) == pytest.approx([0, 0], abs=0.05)


@pytest.mark.parametrize("name", QUICK)
def test_no_face_in_a_landscape(name):
    assert detector(name)(nobody()) == []


@pytest.mark.parametrize("name", QUICK)
@pytest.mark.parametrize("scale", [0.5, 3, 6])
def test_boxes_are_in_image_pixels(name, scale):
    """Images of all sizes are resized for the search."""
    image, boxes = two_faces(500)
    resized = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    expected = [Box(*(round(edge * scale) for edge in box)) for box in boxes]
    assert_same_faces(detector(name)(resized), expected)


@pytest.mark.parametrize("name", SEARCHING)
@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (1, 1), (1, 3000), (3000, 1), (9, 30)])
def test_tiny_image_has_no_face(name, shape):
    assert detector(name)(np.zeros((*shape, 3), np.uint8)) == []


@pytest.mark.parametrize("name", SEARCHING)
def test_images_are_searched_in_rgb(name, monkeypatch):
    searched = []
    monkeypatch.setattr(get_detector(name), "find", lambda image: searched.append(image) or [])
    detector(name)(np.full((90, 90, 3), (255, 100, 0), np.uint8))  # blue
    (image,) = searched
    assert image[0, 0].tolist() == [0, 100, 255] and image.flags.c_contiguous


@pytest.mark.parametrize("name", SEARCHING)
def test_min_face_bounds_detection(name):
    """Faces of 34 and 108 pixels."""
    small, large = (
        around(*(image, boxes[0], border))
        for (image, boxes), border in ((two_faces(200), 25), (two_faces(640), 40))
    )
    if name != "centerface":  # whose search is never as coarse in so small an image
        assert detector(name, 80)(small[0]) == []
    assert_same_faces(detector(name, 80)(large[0]), [large[1]])
    assert_same_faces(detector(name, 30)(small[0]), [small[1]])


def test_damaged_shipped_detector_is_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(centerface, "shipped_path", tmp_path.joinpath)
    for content in (None, b"cut short"):  # no file, and a damaged one
        if content:
            (tmp_path / "centerface.onnx").write_bytes(content)
        with pytest.raises(UserError, match="expected the shipped detector"):
            centerface.CenterFace()
