"""Pictures by name and in folders."""

import os

import pytest

from src.demo.sources.pictures import folder_pictures, named_pictures
from src.errors import UserError
from tests.helpers import make_picture


def test_folder_is_listed_by_name(tmp_path):
    for name in ("b.png", "a.jpg", "c.bmp", "inner/d.jpg"):
        make_picture(tmp_path / name)
    assert folder_pictures(tmp_path).pictures == {
        name: tmp_path / name for name in ("a.jpg", "b.png", "c.bmp")
    }
    assert list(folder_pictures(tmp_path, recursive=True).pictures)[-1] == "inner/d.jpg"


@pytest.mark.parametrize(
    "name",
    ["A.JPG", "c.Png", "e.tif", "Zoë 日本.jpg", "f.jfif", "g.avif", "h.gif", "i.jp2", "j.HEIC"],
)
def test_pictures_are_known_by_extension(tmp_path, name):
    (tmp_path / name).touch()
    assert list(folder_pictures(tmp_path).pictures) == [name]


def test_pictures_are_known_by_content(tmp_path):
    make_picture(tmp_path / "a.jpg")
    (tmp_path / "a.jpg").rename(tmp_path / "IMG_0004")
    assert list(folder_pictures(tmp_path).pictures) == ["IMG_0004"]


def test_other_files_are_counted(tmp_path):
    make_picture(tmp_path / "a.jpg")
    for name in ("notes.txt", "faces.csv", "jpg"):
        (tmp_path / name).write_text("text")
    os.mkfifo(tmp_path / "fifo")
    listing = folder_pictures(tmp_path)
    assert list(listing.pictures) == ["a.jpg"]
    assert [line.split()[2] for line in listing.left_out] == ["4"]


def test_linked_folders_are_followed_once(tmp_path):
    make_picture(tmp_path / "photos" / "real" / "a.jpg")
    make_picture(tmp_path / "elsewhere" / "b.jpg")
    links = {"again": "real", "loop": ".", "more": "../elsewhere", "more2": "../elsewhere"}
    for name, target in links.items():
        (tmp_path / "photos" / name).symlink_to(target)
    (tmp_path / "photos" / "round").symlink_to("round")
    listing = folder_pictures(tmp_path / "photos", recursive=True)
    assert list(listing.pictures) == ["more/b.jpg", "real/a.jpg"]


def test_output_folder_is_not_searched(tmp_path):
    for name in ("a.jpg", "out/a.jpg", "out/inner/a.jpg"):
        make_picture(tmp_path / name)
    for outputs in (
        [tmp_path / "out"],
        [tmp_path / "." / "out"],
        [tmp_path / "out", tmp_path / "x"],
    ):
        listing = folder_pictures(tmp_path, recursive=True, outputs=tuple(outputs))
        assert list(listing.pictures) == ["a.jpg"]


@pytest.mark.parametrize("name", ["nowhere", "a.txt", "."])
def test_folder_without_pictures_is_rejected(tmp_path, name):
    (tmp_path / "a.txt").touch()
    with pytest.raises(UserError, match=str(tmp_path)):
        folder_pictures(tmp_path / name)


def test_named_pictures_keep_their_order(tmp_path):
    paths = [tmp_path / name for name in ("b.jpg", "inner/a.jpg", "inner/b.jpg")]
    for path in paths:
        make_picture(path)
    assert list(named_pictures(paths[:2]).items()) == [("b.jpg", paths[0]), ("a.jpg", paths[1])]
    with pytest.raises(UserError, match=r"b\.jpg and .*inner.b\.jpg"):
        named_pictures(paths)


@pytest.mark.parametrize("name", ["nowhere.jpg", ".", "fifo.jpg"])
def test_named_picture_must_be_a_file(tmp_path, name):
    os.mkfifo(tmp_path / "fifo.jpg")
    with pytest.raises(UserError, match=str(tmp_path)):
        named_pictures([tmp_path / name])
