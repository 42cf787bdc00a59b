"""Frames of videos and cameras: times, shapes, losses."""

import struct
from fractions import Fraction

import cv2
import numpy as np
import pytest

from src.demo.sources import video as sources
from src.demo.sources.video import open_camera, open_video
from src.errors import UserError
from tests.conftest import required
from tests.demo.made import frames, write_clip, write_timed
from tests.helpers import ROOT

EVEN = [i / 30 for i in range(60)]
SLOWING = [*EVEN[:30], *(1 + i / 5 for i in range(30))]


def times(path):
    video = open_video(str(path))
    return [frame.time for frame in video.frames], video


def test_frames_come_in_order(portraits):
    path = portraits / "clip.mp4"
    video = open_video(str(path))
    assert (video.name, video.live, video.file) == ("clip", False, path)
    assert video.size == (192, 144)  # its pixels are wider than high
    assert video.rate == pytest.approx(29.97, abs=0.01)
    found = list(video.frames)
    assert [frame.name for frame in found] == [f"frame{i:06d}.jpg" for i in range(120)]
    assert [p.time for p in found] == pytest.approx([i / video.rate for i in range(120)], abs=1e-3)
    for frame, image in zip(found, frames(path), strict=True):
        assert np.abs(frame.image.astype(int) - cv2.resize(image, (192, 144))).mean() < 2
    assert video.problem == ""


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
@pytest.mark.parametrize("stamps", [EVEN, SLOWING, [i / 4 for i in range(20)]])
def test_frames_have_their_own_times(tmp_path, name, stamps):
    write_timed(tmp_path / name, stamps)
    found, video = times(tmp_path / name)
    assert found == pytest.approx(stamps, abs=0.002)
    assert video.problem == ""


@pytest.mark.parametrize("aspect, size", [((64, 45), (250, 144)), ((1, 2), (176, 288))])
def test_pixels_are_made_square(tmp_path, aspect, size):
    write_timed(tmp_path / "a.mp4", EVEN[:3], aspect=Fraction(*aspect))
    video = open_video(str(tmp_path / "a.mp4"))
    assert video.size == size
    assert next(video.frames).image.shape[1::-1] == size


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi"])
def test_cut_file_is_read_partially(tmp_path, name):
    path = tmp_path / name
    if name == "a.avi":
        noise = np.random.default_rng(0).integers(0, 256, (60, 64, 64, 3), np.uint8)
        write_clip(path, list(noise), 30)
    else:
        write_timed(path, EVEN, movflags="faststart" if name == "a.mp4" else None)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    found, video = times(path)
    assert 0 < len(found) < 60
    assert f" {len(found)} " in video.problem and name in video.problem
    path.write_bytes(whole)
    found, video = times(path)
    assert (len(found), video.problem) == (60, "")


def test_file_name_with_a_colon(tmp_path, monkeypatch):
    write_timed(tmp_path / "cam:1.mp4", EVEN[:3])
    monkeypatch.chdir(tmp_path)
    assert open_video("cam:1.mp4").name == "cam:1"


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_rotated_video_is_upright(tmp_path, degrees):
    """As phones record; OpenCV turns frames upright by the same matrix."""
    image = np.zeros((144, 176, 3), np.uint8)
    image[:40, :50] = 255
    write_timed(tmp_path / "a.mp4", EVEN[:3], images=[image] * 3)
    rotate(tmp_path / "a.mp4", degrees)
    video = open_video(str(tmp_path / "a.mp4"))
    [expected, *_] = frames(tmp_path / "a.mp4")
    found = next(video.frames).image
    assert video.size == found.shape[1::-1] == ((144, 176) if degrees % 180 else (176, 144))
    assert np.abs(found.astype(int) - expected).mean() < 2


def rotate(path, degrees):
    """Set the matrix of the track header of an MP4 file."""
    content = bytearray(path.read_bytes())
    start = content.find(b"tkhd") + 4 + 40
    cos, sin = round(np.cos(np.deg2rad(degrees))), round(np.sin(np.deg2rad(degrees)))
    content[start : start + 36] = struct.pack(
        ">9i", cos << 16, sin << 16, 0, -sin << 16, cos << 16, 0, 0, 0, 1 << 30
    )
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["nowhere.mp4", "text.mp4", "."])
def test_file_without_a_video_is_rejected(tmp_path, name):
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(UserError, match=rf"--video.*{tmp_path / name}"):
        open_video(str(tmp_path / name))


def test_silent_address_is_rejected():
    with pytest.raises(UserError, match=r"--video.*127.0.0.1:9"):
        open_video("http://127.0.0.1:9/stream.mp4?token=1")


class Camera:
    """A fake webcam that returns `images`; None is a failed read."""

    def __init__(self, images):
        self.images, self.released = list(images), False
        self.get, self.asked = lambda *args: 0.0, {}
        self.set = self.asked.__setitem__

    def read(self):
        image = self.images.pop(0) if self.images else None
        return image is not None, image

    def release(self):
        self.released = True


@pytest.fixture
def connect(monkeypatch):
    def connect(*levels):
        images = (level and np.full((480, 640, 3), level, np.uint8) for level in levels)
        camera = Camera(images)
        monkeypatch.setattr(cv2, "VideoCapture", {2: camera}.__getitem__)
        return camera

    monkeypatch.setattr(sources, "_CAMERA_TIMEOUT", 0.3)
    return connect


def test_camera_may_skip_frames(connect):
    camera = connect(None, None, 50, 100, None, 150)
    video = open_camera(2)
    assert (video.name, video.live, video.size) == ("camera2", True, (640, 480))
    found = list(video.frames)
    assert [p.name for p in found] == [f"frame00000{i}.jpg" for i in range(3)]
    assert [round(p.image.mean(), -1) for p in found] == [50, 100, 150]
    found = [p.time for p in found]
    assert found == sorted(found) and 0 <= found[0] and found[-1] < 2
    assert "--camera 2" in video.problem  # it is gone
    assert camera.released


def test_camera_is_asked_for_a_size(connect):
    camera = connect(50)
    assert open_camera(2, (1280, 720)).size == (640, 480)  # it has no other
    assert camera.asked == {cv2.CAP_PROP_FRAME_WIDTH: 1280, cv2.CAP_PROP_FRAME_HEIGHT: 720}


def test_missing_camera_is_rejected(connect):
    camera = connect()
    with pytest.raises(UserError, match=r"--camera 2.*webcam"):
        open_camera(2)
    assert camera.released


CASES = ROOT.parent / "shared" / "cases" / "videos"


@pytest.mark.parametrize(
    "name, count, last, problem",
    [
        ("recorder_chrome.webm", 60, 2.760, ""),
        ("vfr.mp4", 60, 6.8, ""),
        ("cut.mp4", 30, 0.967, "30 of 60 frames"),
        ("mjpeg_broken.avi", 59, 1.967, "59 of 60 frames"),
    ],
)
def test_real_damage(name, count, last, problem):
    found, video = times(required(CASES / name))
    assert (len(found), found[-1]) == (count, pytest.approx(last, abs=0.001))
    assert problem in video.problem and bool(problem) == bool(video.problem)
