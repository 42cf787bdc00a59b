"""Where the demo's pictures come from: a folder, a camera."""

import cv2
import numpy as np
import pytest

from src.demo.sources import camera_pictures, folder_pictures
from src.errors import UserError
from tests.helpers import make_picture


def names(folder):
    return [picture.name for picture in folder_pictures(folder)]


def test_pictures_come_by_name(tmp_path):
    for name in ("b.png", "a.jpg", "c.bmp"):
        make_picture(tmp_path / name)
    assert names(tmp_path) == ["a.jpg", "b.png", "c.bmp"]


def test_a_picture_is_the_file_s_pixels(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), pixels)
    [picture] = folder_pictures(tmp_path)
    assert (picture.image == pixels).all()


@pytest.mark.parametrize(
    "name", ["A.JPG", "b.JPEG", "c.Png", "d.webp", "e.tif", "f.TIFF", "g h.jpg", "Zoë 日本.jpg"]
)
def test_extensions_of_any_case_and_names_of_any_kind_are_taken(tmp_path, name):
    make_picture(tmp_path / "made.png")
    (tmp_path / "made.png").rename(tmp_path / name)
    assert names(tmp_path) == [name]


def test_other_files_and_folders_are_left_alone(tmp_path, capsys):
    make_picture(tmp_path / "a.jpg")
    make_picture(tmp_path / "inner" / "b.jpg")
    for name in ("notes.txt", "faces.csv", "jpg", "labels.xml"):
        (tmp_path / name).write_text("text")
    assert names(tmp_path) == ["a.jpg"]
    assert capsys.readouterr().err == ""


def test_what_cannot_be_read_is_reported_and_the_rest_comes(tmp_path, capsys):
    make_picture(tmp_path / "a.jpg")
    whole = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    (tmp_path / "text.jpg").write_text("no picture")
    make_picture(tmp_path / "z.jpg")
    assert names(tmp_path) == ["a.jpg", "z.jpg"]
    reported = capsys.readouterr().err.splitlines()
    assert len(reported) == 5
    for line, name in zip(reported, ("cut", "empty", "folder", "gone", "text"), strict=True):
        assert f"{name}.jpg" in line


def test_pictures_are_read_one_at_a_time(tmp_path, capsys):
    make_picture(tmp_path / "a.jpg")
    (tmp_path / "b.jpg").write_text("no picture")
    pictures = folder_pictures(tmp_path)
    next(pictures)
    assert capsys.readouterr().err == ""


def test_a_missing_folder_is_refused_at_once(tmp_path):
    with pytest.raises(UserError, match="nowhere: expected a folder, found nothing there"):
        folder_pictures(tmp_path / "nowhere")


def test_a_file_is_refused_at_once(tmp_path):
    make_picture(tmp_path / "a.jpg")
    with pytest.raises(UserError, match=r"a\.jpg: expected a folder, found a file"):
        folder_pictures(tmp_path / "a.jpg")


def test_a_folder_without_pictures_is_refused_at_once(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(UserError, match=r"--image_dir: expected pictures .* found none"):
        folder_pictures(tmp_path)


@pytest.fixture
def camera(tmp_path, monkeypatch):
    """A camera that gives three frames of one colour each: a video in its place."""
    path = str(tmp_path / "frames.avi")
    video = cv2.VideoWriter(path, cv2.VideoWriter_fourcc(*"MJPG"), 10, (64, 48))
    for level in (50, 100, 150):
        video.write(np.full((48, 64, 3), level, np.uint8))
    video.release()
    opened = cv2.VideoCapture(path)
    monkeypatch.setattr(cv2, "VideoCapture", lambda index: opened)
    return opened


def test_frames_are_named_by_number(camera):
    pictures = list(camera_pictures())
    assert [p.name for p in pictures] == [f"frame00000{i}.jpg" for i in range(3)]
    assert [round(p.image.mean(), -1) for p in pictures] == [50, 100, 150]


def test_the_camera_is_released_when_its_frames_are_no_longer_wanted(camera):
    pictures = camera_pictures()
    next(pictures)
    pictures.close()
    assert not camera.isOpened()


def test_a_camera_that_does_not_open_is_refused_at_once(monkeypatch, tmp_path):
    closed = cv2.VideoCapture()
    monkeypatch.setattr(cv2, "VideoCapture", lambda index: closed)
    with pytest.raises(UserError, match="camera 0: expected a webcam, none could be opened"):
        camera_pictures()
