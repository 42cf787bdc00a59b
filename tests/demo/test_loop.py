"""The demo's loop, with a detector and an estimator whose answers are known."""

import threading
import weakref

import numpy as np
import pytest

from src.demo.loop import show_pictures, show_video
from src.demo.search import Found
from src.demo.smoothing import Smoother
from src.demo.sources import Picture
from src.demo.sources.video import Video
from src.faces.crop import get_box_cutter
from src.faces.images import Box
from tests.demo.made import estimates

SIZE = 16
BOXES = [Box(10, 10, 50, 50), Box(70, 20, 110, 70), Box(-5, 60, 30, 100)]


class Recorder:
    """An estimator that keeps what it was given and reads a face's age from its first pixel."""

    def __init__(self):
        self.calls = []

    def __call__(self, faces):
        self.calls.append(len(faces))
        return estimates(faces[:, 0, 0, 0], np.full(len(faces), 0.5))


def found(number, faces):
    """A picture with as many faces, aged 10 times its number and up."""
    pixels = np.zeros((faces, SIZE, SIZE, 3), np.uint8)
    pixels[:] = (10 * number + np.arange(faces))[:, None, None, None]
    return Found(Picture(f"{number}.jpg", np.zeros((120, 160, 3), np.uint8)), BOXES[:faces], pixels)


def shown(pictures, estimator, at_once):
    results = []
    show_pictures(pictures, estimator, [lambda result: results.append(result) or True], at_once)
    return results


@pytest.mark.parametrize(
    "at_once, calls", [(1, [2, 0, 3, 1, 3]), (4, [5, 4]), (2, [2, 3, 4]), (100, [9])]
)
def test_faces_are_estimated_across_pictures_and_given_back_to_their_own(at_once, calls):
    estimator, counts = Recorder(), [2, 0, 3, 1, 3]
    results = shown([found(i, count) for i, count in enumerate(counts)], estimator, at_once)
    assert estimator.calls == calls
    assert [result.picture.name for result in results] == [f"{i}.jpg" for i in range(5)]
    for number, (result, count) in enumerate(zip(results, counts, strict=True)):
        assert result.boxes == BOXES[:count]
        assert result.estimates.age.tolist() == [10 * number + i for i in range(count)]


def test_a_sink_that_has_enough_ends_the_demo_after_all_sinks_had_the_picture():
    first, last = [], []

    def leave(result):
        first.append(result.picture.name)
        return len(first) < 2

    show_pictures(
        [found(i, 1) for i in range(5)],
        Recorder(),
        [leave, lambda result: last.append(result.picture.name) or True],
        4,
    )
    assert first == last == ["0.jpg", "1.jpg"]


def test_few_pictures_are_held_however_many_there_are():
    class Pixels(np.ndarray):
        """An array that can be watched."""

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
            yield found(i % 2, i % 2)._replace(picture=Picture(f"{i}.jpg", image))
            del image

    show_pictures(many(), Recorder(), [lambda result: True], 8)
    assert most <= 2 * 8
    assert alive == 0


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


class Search:
    """In place of `src.demo.search.Search`: one face, whose first pixel is the frame's number."""

    def tools(self):
        return lambda image: [Box(0, 0, 60, 60)], get_box_cutter("none", 0.0, SIZE)


@pytest.mark.parametrize("live", [False, True])
def test_every_frame_of_a_file_is_shown_and_the_last_of_a_camera(live):
    clip, results = Clip(40, live), []
    keep = [lambda result: results.append(result) or True]
    show_video(clip.video, Search(), Recorder(), Smoother(1), keep)
    names = [result.picture.name for result in results]
    assert names == sorted(set(names))
    assert names[-1] == "frame000039.jpg"
    assert live or len(names) == 40
    for result in results:  # frames, faces and what is said of them are still together
        assert result.tracks == [0]
        assert result.estimates.age == [int(result.picture.name[5:11])]
    assert clip.closed


@pytest.mark.parametrize("live", [False, True])
def test_a_video_that_is_left_early_is_closed_and_its_threads_end(live):
    clip, threads = Clip(10**9, live), threading.active_count()
    results = []
    enough = [lambda result: results.append(result) or len(results) < 5]
    show_video(clip.video, Search(), Recorder(), Smoother(1), enough)
    assert len(results) == 5
    assert clip.closed
    assert threading.active_count() == threads


def test_what_a_detector_raises_ends_the_video():
    def fail(image):
        raise ZeroDivisionError

    clip, search = Clip(10), Search()
    search.tools = lambda: (fail, get_box_cutter("none", 0.0, SIZE))
    with pytest.raises(ZeroDivisionError):
        show_video(clip.video, search, Recorder(), Smoother(1), [])
    assert clip.closed
