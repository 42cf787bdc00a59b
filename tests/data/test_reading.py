"""The choice of the face for a database, and its pixels."""

import cv2
import numpy as np
import pytest

from src.data.identities import file_identity
from src.data.reading import MORE_FACES, SMALL_FACE, STATES, USABLE, FaceReader
from src.faces import finder
from src.faces.crop import FaceCrop
from src.faces.detectors.base import Face
from src.faces.finder import MISSING, NO_FACE, UNDECODABLE, FaceFinder
from src.faces.images import Box, crop_with_margin, resize

SIZE = 16
WHOLE = FaceReader(FaceFinder("none", None, FaceCrop(SIZE)), whole=True)
SMALL, LARGE = Box(10, 10, 30, 30), Box(100, 40, 180, 120)
IMAGE = np.random.default_rng(1).integers(0, 256, (200, 220, 3), np.uint8)


@pytest.fixture
def finding(monkeypatch):
    """Finders whose detector finds `boxes`."""

    def make(boxes, crop=WHOLE.finder.crop):
        faces = [Face(box) for box in boxes]
        monkeypatch.setattr(finder, "get_detector", lambda name: lambda image, min_face: faces)
        return FaceFinder("dlib", None, crop)

    return make


@pytest.fixture
def read(tmp_path):
    """Reads the face of `IMAGE`: the reason for having none, and the face."""
    path = str(tmp_path / "a.png")
    cv2.imwrite(path, IMAGE)

    def with_reader(reader, box=None):
        faces, records = reader.read(([path], [box]))
        reason = STATES[records["state"][0]]
        return "" if reason == USABLE else reason, faces[0]

    return with_reader


def test_largest_face_is_cropped(read, finding):
    _, face = read(FaceReader(finding([SMALL, LARGE], FaceCrop(SIZE, 0.25))))
    np.testing.assert_array_equal(face, resize(crop_with_margin(IMAGE, LARGE, 0.25), SIZE))


def test_box_needs_no_detector(read, finding):
    reader = FaceReader(finding([LARGE], FaceCrop(SIZE, 0.25)), one_face=True)
    _, face = read(reader, SMALL)
    np.testing.assert_array_equal(face, resize(crop_with_margin(IMAGE, SMALL, 0.25), SIZE))
    for box in (Box(300, 10, 320, 30), Box(10, -30, 30, -1), Box(10, -30, 30, -20)):
        assert read(reader, box)[0] == NO_FACE


@pytest.mark.parametrize(
    ("boxes", "reason"),
    [
        ([], NO_FACE),
        ([SMALL, LARGE], MORE_FACES),
        ([Box(10, 10, 31, 31)], SMALL_FACE),  # 21 of 220 pixels across
        ([Box(10, 10, 40, 29)], SMALL_FACE),  # 19 of 200 down
        ([Box(10, 10, 32, 32)], ""),
    ],
)
@pytest.mark.parametrize("whole", [False, True])
def test_one_face_rule(read, finding, boxes, reason, whole):
    found, face = read(FaceReader(finding(boxes), one_face=True, whole=whole))
    assert found == reason
    if not reason:
        expected = IMAGE if whole else crop_with_margin(IMAGE, boxes[0], 0.4)
        np.testing.assert_array_equal(face, resize(expected, SIZE))


def test_identities_and_pixel_hashes(tmp_path):
    """A file without an image has an identity, too; equal pixels have equal hashes."""
    cv2.imwrite(str(tmp_path / "a.png"), IMAGE)
    cv2.imwrite(str(tmp_path / "b.png"), IMAGE, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    cv2.imwrite(str(tmp_path / "c.png"), IMAGE[::-1])
    (tmp_path / "d.png").write_text("no image")
    names = ["a.png", "b.png", "c.png", "d.png", "e.png"]
    paths = [str(tmp_path / name) for name in names]
    reader = FaceReader(WHOLE.finder, whole=True, hash_pixels=True)
    _, records = reader.read((paths, [None] * 5))
    assert [STATES[code] for code in records["state"]] == [USABLE] * 3 + [UNDECODABLE, MISSING]
    expected = [file_identity((tmp_path / name).read_bytes()) for name in names[:4]]
    assert records["identity"].tolist() == [*expected, 0]
    assert len(set(expected)) == 4
    first, second, third, *none = records["pixels"].tolist()
    assert first == second != third and none == [0, 0]


@pytest.mark.parametrize(("size", "reduction"), [(30, 8), (60, 4), (120, 2)])
def test_reduced_jpegs_equal_area_averages(tmp_path, portraits, size, reduction):
    """Averages to half, a quarter or an eighth, to less than a grey level on average."""
    image = cv2.imread(str(portraits / "hopper.jpg"))
    side = min(image.shape[:2]) // 16 * 16
    cv2.imwrite(str(tmp_path / "a.jpg"), image[:side, :side])
    decoded = cv2.imread(str(tmp_path / "a.jpg"))
    reader = FaceReader(FaceFinder("none", None, FaceCrop(size)), whole=True)
    faces, _ = reader.read(([str(tmp_path / "a.jpg")], [None]))
    half = side // reduction
    area = cv2.resize(decoded, (half, half), interpolation=cv2.INTER_AREA)
    expected = cv2.resize(area, (size, size)).astype(int)
    assert 0 < np.abs(faces[0] - expected).mean() < 1
    larger = FaceReader(FaceFinder("none", None, FaceCrop(side // 2)), whole=True)
    faces, _ = larger.read(([str(tmp_path / "a.jpg")], [None]))
    np.testing.assert_array_equal(faces[0], cv2.resize(decoded, (side // 2, side // 2)))
