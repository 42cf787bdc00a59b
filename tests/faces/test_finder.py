"""Faces of images: choice and crops."""

import cv2
import numpy as np
import pytest

from src.faces.crop import FaceCrop
from src.faces.finder import MISSING, NO_FACE, UNDECODABLE, FaceFinder
from src.faces.images import Box
from tests.helpers import make_picture
from tests.portraits import two_people

SIZE = 16
WHOLE = FaceFinder("none", None, FaceCrop(SIZE))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Images, and files that cannot be read."""
    folder = tmp_path_factory.mktemp("images")
    for i in range(12):
        make_picture(folder / f"a{i}.png", seed=i)
    make_picture(folder / "cut.jpg")
    whole = (folder / "cut.jpg").read_bytes()
    (folder / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "gone.jpg").symlink_to(folder / "nowhere.jpg")
    make_picture(folder / "z.png", seed=99)
    return folder


def test_images_come_in_order(folder):
    paths = sorted(folder.iterdir())
    for path, found in zip(paths, WHOLE.find_all(paths, with_image=True), strict=True):
        if path.name[0] in "az":
            image = cv2.imread(str(path))
            assert (found.image == image).all() and found.reason == ""
            assert found.shape == image.shape[:2]
            assert [face.box for face in found.faces] == [Box(0, 0, 40, 40)]
            assert (found.crops == cv2.resize(image, (SIZE, SIZE))).all()
        else:
            expected = MISSING if path.name == "gone.jpg" else UNDECODABLE
            assert (found.reason, found.image, len(found.crops)) == (expected, None, 0)
            assert str(path) in found.error


@pytest.mark.parametrize("min_face", [None, 60])
@pytest.mark.parametrize("alignment", ["none", "five_points"])
def test_reduced_jpegs_give_the_same_faces(tmp_path, alignment, min_face):
    """As the whole image, at 8 megapixels: boxes within 2 %, crops nearly equal."""
    image = cv2.resize(two_people(1112), None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    cv2.imwrite(str(tmp_path / "a.jpg"), image, [cv2.IMWRITE_JPEG_QUALITY, 95])
    finder = FaceFinder("centerface", min_face, FaceCrop(112, 0.25, alignment))
    reduced = finder.find_in_file(tmp_path / "a.jpg")
    whole = finder.find_in_file(tmp_path / "a.jpg", with_image=True)
    assert reduced.image is None and reduced.shape == whole.shape == whole.image.shape[:2]
    assert len(reduced.faces) == len(whole.faces) == 2
    for a, b in zip(reduced.faces, whole.faces, strict=True):
        assert np.abs(np.subtract(a.box, b.box)).max() < 0.02 * (b.box.right - b.box.left)
    for a, b in zip(reduced.crops.astype(int), whole.crops, strict=True):
        assert np.abs(a - b).mean() < 3


def test_aligned_crop_of_any_detector(portraits):
    """The same face, within a few pixels, from a detector with points and from one without."""
    path = portraits / "hopper.jpg"
    crop = FaceCrop(112, 0.25, "face_chip")
    [first], [second] = (
        FaceFinder(name, None, crop).find_in_file(path).faces for name in ("centerface", "dlib")
    )
    side = first.box.right - first.box.left
    assert np.abs(first.points - second.points).mean() < 0.06 * side


def test_aligned_crop_of_no_face():
    grey = np.full((100, 100, 3), 90, np.uint8)
    found = FaceFinder("none", None, FaceCrop(112, 0.25, "face_chip")).find(grey)
    assert (found.reason, len(found.crops)) == (NO_FACE, 0)
