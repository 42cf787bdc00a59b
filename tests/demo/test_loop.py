"""Results of pictures and videos, with a fake detector and a fake estimator."""

import threading
import time
import weakref
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from src.demo import threads
from src.demo.loop import picture_results, video_results, with_restored
from src.demo.smoothing import Smoother
from src.demo.sources import Picture
from src.demo.sources.video import Video
from src.faces.crop import FaceCrop
from src.faces.detectors.base import Face
from src.faces.finder import UNDECODABLE, Found
from src.faces.images import Box
from tests.demo.made import estimates
from tests.demo.made import result as made_result

SIZE = 16
BOXES = [Box(10, 10, 50, 50), Box(70, 20, 110, 70), Box(-5, 60, 30, 100)]


class Recorder:
    """An estimator that records its inputs and returns the first pixel of a face as its age."""

    def __init__(self):
        self.calls = []

    def __call__(self, faces):
        self.calls.append(len(faces))
        return estimates(faces[:, 0, 0, 0], np.full(len(faces), 0.5))


class Finding:
    """A fake `FaceFinder` that returns the given `Found` of each picture."""

    def __init__(self, found):
        self._found = found

    def find_all(self, paths, scheduler, with_image):
        yield from self._found


def found(number, faces, image=None):
    """A picture with that number of faces, aged 10 times its number and up."""
    crops = np.zeros((faces, SIZE, SIZE, 3), np.uint8)
    crops[:] = (10 * number + np.arange(faces))[:, None, None, None]
    image = np.zeros((120, 160, 3), np.uint8) if image is None else image
    return Found(image, [Face(box) for box in BOXES[:faces]], crops)


def named(count):
    return {f"{i}.jpg": Path(f"{i}.jpg") for i in range(count)}


@pytest.mark.parametrize(
    "at_once, calls", [(1, [2, 0, 3, 1, 3]), (4, [5, 4]), (2, [2, 3, 4]), (100, [9])]
)
def test_faces_are_estimated_across_pictures(at_once, calls):
    estimator, counts = Recorder(), [2, 0, 3, 1, 3]
    finder = Finding([found(i, count) for i, count in enumerate(counts)])
    results = list(picture_results(finder, named(5), estimator, at_once))
    assert estimator.calls == calls
    assert [result.picture.name for result in results] == [f"{i}.jpg" for i in range(5)]
    for number, (result, count) in enumerate(zip(results, counts, strict=True)):
        assert result.boxes == BOXES[:count]
        assert result.estimates.age.tolist() == [10 * number + i for i in range(count)]
        assert result.faces[:, 0, 0, 0].tolist() == result.estimates.age.tolist()


def test_unreadable_pictures_are_reported(capsys):
    unread = Found(
        None, [], np.empty((0, SIZE, SIZE, 3), np.uint8), UNDECODABLE, "0.jpg: cut short"
    )
    results = picture_results(Finding([unread, found(1, 1)]), named(2), Recorder(), 8)
    assert [result.picture.name for result in results] == ["1.jpg"]
    assert capsys.readouterr().err == "left out: 0.jpg: cut short\n"


def test_restored_results_come_in_order():
    names = [f"{i}.jpg" for i in range(6)]
    done = {name: made_result(name) for name in ("0.jpg", "2.jpg", "5.jpg")}
    new = [made_result(name) for name in ("1.jpg", "4.jpg")]  # 3.jpg cannot be read
    merged = [result.picture.name for result in with_restored(new, names, done)]
    assert merged == ["0.jpg", "1.jpg", "2.jpg", "4.jpg", "5.jpg"]


def test_few_pictures_are_held():
    class Pixels(np.ndarray):
        """An array that accepts weak references."""

    alive, most = 0, 0

    def die():
        nonlocal alive
        alive -= 1

    def many():
        nonlocal alive, most
        for i in range(200):
            image = np.zeros((4, 4, 3), np.uint8).view(Pixels)
            weakref.finalize(image, die)
            alive += 1
            most = max(most, alive)
            yield found(i % 2, i % 2, image)
            del image

    for _ in picture_results(Finding(many()), named(200), Recorder(), 8):
        pass
    assert most <= 2 * 8 + 1


class Clip:
    """Frames of a video: noise, with the frame's number in its corner."""

    def __init__(self, count, live=False):
        self.closed = False
        noise = np.random.default_rng(0).integers(0, 128, (120, 160, 3), np.uint8)

        def frames():
            try:
                for number in range(count):
                    image = noise.copy()
                    image[:4, :4] = number % 101
                    yield Picture(f"frame{number:06d}.jpg", image, number / 30)
            finally:
                self.closed = True

        self.video = Video(frames(), "clip", 30.0, (160, 120), live)


class Finder:
    """A fake `FaceFinder`: one face, with the number of the frame in its first pixel."""

    crop = FaceCrop(SIZE, 0.0)

    def detect(self, image):
        return [Face(Box(0, 0, 60, 60))]


@pytest.mark.parametrize("live", [False, True])
def test_every_file_frame_is_shown(live):
    """Of a camera, the last one is."""
    clip = Clip(40, live)
    results = list(video_results(clip.video, Finder(), Recorder(), Smoother(1)))
    names = [result.picture.name for result in results]
    assert names == sorted(set(names))
    assert names[-1] == "frame000039.jpg"
    assert live or len(names) == 40
    for result in results:  # frames, faces and estimates are still together
        assert result.tracks == [0]
        assert result.estimates.age == [int(result.picture.name[5:11])]
    assert clip.closed


@pytest.mark.parametrize("live", [False, True])
def test_video_left_early_is_closed(live):
    clip, before = Clip(10**9, live), threading.active_count()
    with closing(video_results(clip.video, Finder(), Recorder(), Smoother(1))) as results:
        assert len([result for result, _ in zip(results, range(5), strict=False)]) == 5
    assert clip.closed
    assert threading.active_count() == before


def test_hanging_camera_ends_the_demo(monkeypatch):
    monkeypatch.setattr(threads, "_PATIENCE", 0.2)
    unplugged, calls = threading.Event(), []

    def frames():
        yield Picture("frame000000.jpg", np.zeros((120, 160, 3), np.uint8), 0.0)
        unplugged.wait()

    def idle():
        calls.append(1)
        return len(calls) < 3

    camera = Video(frames(), "camera", 30.0, (160, 120), True)
    start = time.monotonic()
    results = list(video_results(camera, Finder(), Recorder(), Smoother(1), idle))
    assert (len(results), len(calls)) == (1, 3)
    assert time.monotonic() - start < 5
    unplugged.set()


def test_detector_s_error_ends_the_video():
    def fail(image):
        raise ZeroDivisionError

    clip, finder = Clip(10), Finder()
    finder.detect = fail
    with pytest.raises(ZeroDivisionError):
        list(video_results(clip.video, finder, Recorder(), Smoother(1)))
    assert clip.closed
