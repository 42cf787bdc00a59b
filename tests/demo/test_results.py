"""Results of images and videos, with a fake detector and a fake estimator."""

import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np
import pytest

from src.demo import results
from src.demo.job import Frame
from src.demo.results import image_results, video_results
from src.demo.sources.video import Video
from src.errors import UserError
from src.estimation.estimator import Estimator
from src.faces.crop import FaceCrop
from src.faces.detectors.base import Face
from src.faces.finder import UNDECODABLE, Found
from src.faces.images import Box
from tests.demo.made import estimates, job

SIZE = 16
CROP = FaceCrop(SIZE, 0.0)
BOXES = [Box(0, 60, 30, 100), Box(10, 10, 50, 50), Box(70, 20, 110, 70)]


class Recorder(Estimator):
    """An estimator that records its inputs and returns the first pixel of a face as its age."""

    def __init__(self):
        self.calls = []

    def __call__(self, faces):
        self.calls.append(len(faces))
        return estimates(faces[:, 0, 0, 0], np.full(len(faces), 0.5))


class Finding:
    """A fake `FaceFinder` that returns the given `Found` of each image."""

    def __init__(self, found):
        self._found = found

    def find_all(self, paths, scheduler, with_image):
        yield from self._found


def found(number, faces, image=None):
    """A image with that number of faces, aged 10 times its number and up."""
    crops = np.zeros((faces, SIZE, SIZE, 3), np.uint8)
    crops[:] = (10 * number + np.arange(faces))[:, None, None, None]
    image = np.zeros((120, 160, 3), np.uint8) if image is None else image
    return Found(image, [Face(box) for box in BOXES[:faces]], crops, shape=image.shape[:2])


def boxes_of(result):
    return [face.box for face in result.faces]


def ages_of(result):
    return [face.age for face in result.faces]


def results_of(found, count, estimator, **flags):
    own = job(images=[f"{i}.jpg" for i in range(count)], **flags)
    return image_results(own, list(own.images), Finding(found), estimator)


@pytest.mark.parametrize("batch, calls", [(4, [6, 3]), (2, [2, 4, 3]), (100, [9])])
def test_faces_are_estimated_across_images(monkeypatch, batch, calls):
    monkeypatch.setattr(results, "BATCH", batch)
    estimator, counts = Recorder(), [2, 0, 3, 1, 3]
    items = [found(i, count) for i, count in enumerate(counts)]
    made = list(results_of(items, 5, estimator))
    assert estimator.calls == calls
    assert [result.frame.name for result in made] == [f"{i}.jpg" for i in range(5)]
    for number, (result, count) in enumerate(zip(made, counts, strict=True)):
        assert boxes_of(result) == BOXES[:count]
        assert ages_of(result) == [10 * number + i for i in range(count)]
        assert result.crops[:, 0, 0, 0].tolist() == ages_of(result)


def test_faces_are_numbered_from_left_to_right():
    item = found(1, 3)
    item.faces.reverse()
    [result] = results_of([item], 1, Recorder())
    assert boxes_of(result) == BOXES
    assert result.numbers == [1, 2, 3]
    assert ages_of(result) == [12, 11, 10]
    assert result.crops[:, 0, 0, 0].tolist() == [12, 11, 10]


@pytest.mark.parametrize("min_quality, kept", [(None, 2), (0.0, 2), (0.3, 1)])
def test_min_quality_drops_unclear_faces(min_quality, kept):
    item = found(1, 2)
    item.faces[:] = [
        replace(face, quality=q) for face, q in zip(item.faces, (0.2, 0.4), strict=True)
    ]
    [result] = results_of([item], 1, Recorder(), min_quality=min_quality)
    assert (len(result.faces), result.skipped) == (kept, 2 - kept)
    assert result.faces[-1].box == BOXES[1]


def test_boxes_are_clipped_to_the_image():
    item = found(1, 1)
    item.faces[:] = [Face(Box(-5, -9, 170, 130))]
    [result] = results_of([item], 1, Recorder())
    assert boxes_of(result) == [(0, 0, 160, 120)]


def test_unreadable_images_are_reported(capsys):
    unread = Found(
        None, [], np.empty((0, SIZE, SIZE, 3), np.uint8), UNDECODABLE, "0.jpg: cut short"
    )
    made = results_of([unread, found(1, 1)], 2, Recorder())
    assert [result.frame.name for result in made] == ["1.jpg"]
    assert capsys.readouterr().err == "skipped: 0.jpg: cut short\n"


@pytest.mark.parametrize("count, reported", [(1, 0), (2, 2)])
def test_only_unreadable_images_are_rejected(capsys, count, reported):
    crops = np.empty((0, SIZE, SIZE, 3), np.uint8)
    unread = [Found(None, [], crops, UNDECODABLE, f"{i}.jpg: cut short") for i in range(count)]
    with pytest.raises(UserError, match="cut short" if count == 1 else "none of the 2 images"):
        list(results_of(unread, count, Recorder()))
    assert len(capsys.readouterr().err.splitlines()) == reported


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
                    yield Frame(f"frame{number:06d}.jpg", image, (120, 160), number / 30)
            finally:
                self.closed = True

        self.video = Video(frames(), "clip", 30.0, (160, 120), live)


@dataclass
class Finder:
    """A fake `FaceFinder`: one face, with the number of the frame in its first pixel."""

    detect: Callable = lambda image: [Face(Box(0, 0, 60, 60))]
    min_face: int | None = None
    crop: FaceCrop = CROP


def results_of_clip(video, finder=None, **flags):
    return video_results(job(video, min_quality=0, **flags), finder or Finder(), Recorder())


@pytest.mark.parametrize("live", [False, True])
def test_every_file_frame_is_shown(live):
    """Of a camera, the last one is."""
    clip = Clip(40, live)
    made = list(results_of_clip(clip.video, smooth=1))
    names = [result.frame.name for result in made]
    assert names == sorted(set(names))
    assert names[-1] == "frame000039.jpg"
    assert live or len(names) == 40
    for result in made:  # frames, faces and estimates are still together
        assert result.tracks == [1]
        assert ages_of(result) == [int(result.frame.name[5:11])]
    assert clip.closed


def test_every_takes_frames_by_their_times():
    clip = Clip(100)
    made = list(results_of_clip(clip.video, every=1.0))
    assert [result.frame.time for result in made] == [0, 1, 2, 3]
    assert [result.tracks for result in made] == 4 * [[1]]


@pytest.mark.parametrize("live", [False, True])
def test_video_left_early_is_closed(live):
    clip, before = Clip(10**9, live), threading.active_count()
    with closing(results_of_clip(clip.video)) as made:
        assert len([result for result, _ in zip(made, range(5), strict=False)]) == 5
    assert clip.closed
    assert threading.active_count() == before


def test_detector_s_error_ends_the_video():
    def fail(image):
        raise ZeroDivisionError

    clip = Clip(10)
    with pytest.raises(ZeroDivisionError):
        list(results_of_clip(clip.video, Finder(fail)))
    assert clip.closed
