"""Finding and cutting the faces of pictures, one after the other and in several processes."""

from contextlib import closing
from multiprocessing import active_children

import cv2
import numpy as np
import pytest

from src.demo import search
from src.demo.search import FEW, Search, find_all
from src.demo.sources.pictures import folder_pictures
from src.faces.images import Box
from tests.helpers import make_picture

SIZE = 16
WHOLE = Search("none", None, "none", 0.4, SIZE)
BOXES = [Box(10, 10, 50, 50), Box(70, 20, 110, 70), Box(-5, 60, 30, 100)]


@pytest.mark.parametrize("margin", [0.0, 0.4, 1.5])
def test_faces_are_cut_as_the_original_toolkit_cuts_them(tmp_path, monkeypatch, margin):
    """Its formula, in demo.py: corners cut to whole pixels, clipped, both ends inside."""
    image = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), image)
    monkeypatch.setattr(search, "get_detector", lambda name, min_face: lambda image: BOXES)
    made = Search("dlib", None, "none", margin, SIZE)
    [found] = find_all(made, folder_pictures(tmp_path).pictures)
    assert found.boxes == BOXES
    for face, (x1, y1, x2, y2) in zip(found.faces, BOXES, strict=True):
        w, h = x2 - x1, y2 - y1
        xw1, yw1 = max(int(x1 - margin * w), 0), max(int(y1 - margin * h), 0)
        xw2, yw2 = min(int(x2 + margin * w), 160 - 1), min(int(y2 + margin * h), 120 - 1)
        expected = cv2.resize(image[yw1 : yw2 + 1, xw1 : xw2 + 1], (SIZE, SIZE))
        assert (face == expected).all()


@pytest.fixture(scope="module", params=[1, FEW])
def folder(request, tmp_path_factory):
    """Pictures, and between them what cannot be read: few for one process, or for several."""
    folder = tmp_path_factory.mktemp("pictures")
    for i in range(request.param):
        make_picture(folder / f"a{i}.png", seed=i)
    make_picture(folder / "cut.jpg")
    whole = (folder / "cut.jpg").read_bytes()
    (folder / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.jpg").touch()
    (folder / "gone.jpg").symlink_to(folder / "nowhere.jpg")
    (folder / "text.jpg").write_text("no picture")
    make_picture(folder / "z.png", seed=99)
    return folder


def test_pictures_come_in_order_and_what_cannot_be_read_is_reported(folder, capfd):
    pictures = folder_pictures(folder).pictures
    found = list(find_all(WHOLE, pictures))
    names = [item.picture.name for item in found]
    assert names == [name for name in pictures if name[0] in "az"]
    for name, item in zip(names, found, strict=True):
        assert (item.picture.image == cv2.imread(str(folder / name))).all()
        assert item.boxes == [Box(0, 0, 40, 40)]
        assert (item.faces == cv2.resize(item.picture.image, (SIZE, SIZE))).all()
    reported = capfd.readouterr().err.splitlines()
    assert len(reported) == 4
    for line, name in zip(reported, ("cut", "empty", "gone", "text"), strict=True):
        assert line.startswith("left out: ")
        assert f"{folder / name}." in line
    assert active_children() == []


def test_pictures_are_read_when_they_are_wanted(tmp_path, capsys):
    make_picture(tmp_path / "a.jpg")
    (tmp_path / "b.jpg").write_text("no picture")
    found = find_all(WHOLE, folder_pictures(tmp_path).pictures)
    next(found)
    assert capsys.readouterr().err == ""


def test_no_process_is_left_when_enough_was_found(tmp_path):
    for i in range(2 * FEW):
        make_picture(tmp_path / f"{i}.jpg")
    with closing(find_all(WHOLE, folder_pictures(tmp_path).pictures)) as found:
        next(found)
        assert active_children()
    assert active_children() == []
