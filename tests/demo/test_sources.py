"""Where the demo's pictures come from: files, a camera, a video."""

import cv2
import numpy as np
import pytest

from src.demo.sources import folder_pictures, named_pictures, open_camera, open_video
from src.errors import UserError
from tests.demo.made import frames, write_clip
from tests.helpers import make_picture


def test_pictures_come_by_name_with_their_paths(tmp_path):
    for name in ("b.png", "a.jpg", "c.bmp"):
        make_picture(tmp_path / name)
    pictures = folder_pictures(tmp_path)
    assert list(pictures) == ["a.jpg", "b.png", "c.bmp"]
    assert list(pictures.values()) == [tmp_path / name for name in pictures]


@pytest.mark.parametrize(
    "name", ["A.JPG", "b.JPEG", "c.Png", "d.webp", "e.tif", "f.TIFF", "g h.jpg", "Zoë 日本.jpg"]
)
def test_extensions_of_any_case_and_names_of_any_kind_are_taken(tmp_path, name):
    (tmp_path / name).touch()
    assert list(folder_pictures(tmp_path)) == [name]


def test_other_files_and_folders_are_left_alone_unless_asked_for(tmp_path):
    for name in ("a.jpg", "inner/b.jpg", "inner/more/a.jpg"):
        make_picture(tmp_path / name)
    for name in ("notes.txt", "faces.csv", "jpg", "labels.xml", "inner/c.txt"):
        (tmp_path / name).write_text("text")
    assert list(folder_pictures(tmp_path)) == ["a.jpg"]
    assert folder_pictures(tmp_path, recursive=True) == {
        name: tmp_path / name for name in ("a.jpg", "inner/b.jpg", "inner/more/a.jpg")
    }


def test_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(UserError, match="nowhere: expected a folder, found nothing there"):
        folder_pictures(tmp_path / "nowhere")


def test_a_file_is_no_folder(tmp_path):
    make_picture(tmp_path / "a.jpg")
    with pytest.raises(UserError, match=r"a\.jpg: expected a folder, found a file"):
        folder_pictures(tmp_path / "a.jpg")


def test_a_folder_without_pictures_is_refused(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(UserError, match=r"--image_dir: expected pictures .* found none"):
        folder_pictures(tmp_path)


def test_named_pictures_keep_their_order_and_are_of_different_names(tmp_path):
    paths = [tmp_path / name for name in ("b.jpg", "inner/a.jpg", "inner/b.jpg")]
    for path in paths:
        make_picture(path)
    assert list(named_pictures(paths[:2]).items()) == [("b.jpg", paths[0]), ("a.jpg", paths[1])]
    with pytest.raises(UserError, match=r"different names, received .*b\.jpg and .*inner.b\.jpg"):
        named_pictures(paths)


@pytest.mark.parametrize("name", ["nowhere.jpg", "."])
def test_a_named_picture_that_is_no_file_is_refused(tmp_path, name):
    with pytest.raises(UserError, match="expected a picture, found no file"):
        named_pictures([tmp_path / name])


def test_a_clip_s_frames_come_in_order_with_their_times_and_end(shared):
    path = shared / "demo" / "carphone_pristine.mp4"
    video = open_video(str(path))
    assert (video.name, video.live, video.file) == ("carphone_pristine", False, path)
    assert video.size == (176, 144)
    assert video.rate == pytest.approx(29.97, abs=0.01)
    assert video.min_face == 11  # small frames, small faces
    pictures = list(video.frames)
    assert [picture.name for picture in pictures] == [f"frame{i:06d}.jpg" for i in range(120)]
    assert [p.time for p in pictures] == pytest.approx([i / video.rate for i in range(120)])
    for picture, image in zip(pictures, frames(path), strict=True):
        assert (picture.image == image).all()


def test_the_clip_is_released_when_its_frames_are_no_longer_wanted(shared, monkeypatch):
    captures, make = [], cv2.VideoCapture
    monkeypatch.setattr(
        cv2, "VideoCapture", lambda name: captures.append(make(name)) or captures[0]
    )
    video = open_video(str(shared / "demo" / "carphone_pristine.mp4"))
    next(video.frames)
    assert captures[0].isOpened()
    video.frames.close()
    assert not captures[0].isOpened()


def test_what_is_no_video_is_refused(tmp_path):
    with pytest.raises(UserError, match="--video: expected a file or a URL, found nothing at"):
        open_video(str(tmp_path / "nowhere.mp4"))
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(UserError, match=r"--video: expected a video, .*text\.mp4 gave no picture"):
        open_video(str(tmp_path / "text.mp4"))


def test_an_address_that_does_not_answer_is_refused():
    with pytest.raises(UserError, match="gave no picture; check the address and the network"):
        open_video("http://127.0.0.1:9/stream.mp4?token=1")


@pytest.fixture
def camera(tmp_path, monkeypatch):
    """A camera that gives three frames of one colour each: a video in its place."""
    path = str(tmp_path / "frames.avi")
    write_clip(path, [np.full((480, 640, 3), level, np.uint8) for level in (50, 100, 150)])
    opened = cv2.VideoCapture(path)
    monkeypatch.setattr(cv2, "VideoCapture", {2: opened}.__getitem__)
    return opened


def test_a_camera_s_frames_come_live_until_it_is_gone(camera):
    video = open_camera(2)
    assert (video.name, video.live, video.size) == ("camera2", True, (640, 480))
    assert video.min_face == 40
    pictures = list(video.frames)
    assert [p.name for p in pictures] == [f"frame00000{i}.jpg" for i in range(3)]
    assert [round(p.image.mean(), -1) for p in pictures] == [50, 100, 150]
    times = [p.time for p in pictures]
    assert times == sorted(times) and 0 <= times[0] and times[-1] < 2


def test_the_camera_is_released_when_its_frames_are_no_longer_wanted(camera):
    video = open_camera(2)
    next(video.frames)
    video.frames.close()
    assert not camera.isOpened()


def test_a_camera_that_does_not_open_is_refused_with_the_usual_causes(monkeypatch):
    closed = cv2.VideoCapture()
    monkeypatch.setattr(cv2, "VideoCapture", lambda index: closed)
    with pytest.raises(UserError, match="camera 3: expected a webcam, none gave a picture") as said:
        open_camera(3)
    for cause in ("plug one in", "--camera INDEX", "programs that use it", "allow access"):
        assert cause in str(said.value)
