"""Tracks in clips, against dlib on every frame; gates of brief and unclear faces."""

from dataclasses import replace
from functools import partial

import cv2
import dlib
import numpy as np
import pytest

from src.demo import tracking
from src.demo.job import Frame
from src.demo.tracking import Tracker, is_scene_change
from src.faces.crop import FaceCrop
from src.faces.detectors import get_detector
from src.faces.detectors.base import Face
from src.faces.finder import FaceFinder
from src.faces.images import Box, overlap
from tests.demo.made import frames
from tests.portraits import BOXES, astronaut, hopper, moving, two_people

LEFT, RIGHT = (Face(Box(*box)) for box in BOXES)  # faces of `two_people(640)`


@pytest.fixture(scope="module")
def clip(portraits):
    return frames(portraits / "clip.mp4")


@pytest.fixture(scope="module")
def scenes():
    """640x360; a new scene begins with frame 16."""
    return moving(hopper(), 16, (640, 360)) + moving(astronaut(), 17, (640, 360))


@pytest.fixture(scope="module")
def still():
    return two_people(640)


def track(images, detect, step=1 / 30, **options):
    """Faces by track of each frame, the frames with a detection, and the tracker."""
    searched, times = [], [i * step for i in range(len(images))]

    def counted(image):
        searched.append(next(i for i, other in enumerate(images) if other is image))
        return detect(image)

    tracker, found = Tracker(counted, **options), []
    for image, time in zip(images, times, strict=True):
        found += tracker(Frame("", image, image.shape[:2], time))
    found += tracker.finish()
    assert [frame.time for frame, _ in found] == times
    return [faces for _, faces in found], searched, tracker


def frames_of(tracks):
    """Numbers of frames by track."""
    seen = {}
    for i, faces in enumerate(tracks):
        for track_id in faces:
            seen.setdefault(track_id, []).append(i)
    return seen


def share_found(images, tracks):
    """The share of faces found that the original toolkit finds in every third frame."""
    detect, found = dlib.get_frontal_face_detector(), []
    for image, faces in list(zip(images, tracks, strict=True))[::3]:
        for face in detect(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), 1):
            edges = face.left(), face.top(), face.right() + 1, face.bottom() + 1
            found.append(any(overlap(own.box, edges) > 0.4 for own in faces.values()))
    assert len(found) >= 8
    return np.mean(found)


@pytest.mark.parametrize("detector, min_face", [("dlib", 22), ("centerface", 12)])
def test_one_face_is_one_track(clip, detector, min_face):
    images = clip[:90]
    detect = partial(get_detector(detector), min_face=min_face)
    tracks, searched, tracker = track(images, detect)
    assert share_found(images, tracks) >= 0.95
    assert frames_of(tracks) == {1: list(range(90))}
    assert searched == list(range(0, 90, 3))
    assert tracker.not_shown == 0


def test_new_scene_ends_tracks(scenes):
    tracks, searched, _ = track(scenes, partial(get_detector("centerface"), min_face=40))
    assert share_found(scenes, tracks) >= 0.95
    assert frames_of(tracks) == {1: list(range(16)), 2: list(range(16, 33))}
    assert 16 in searched


def test_live_frames_do_not_wait(still):
    """Their boxes go on as before."""
    images = [still.copy() for _ in range(9)]

    def detect(image):
        shift = 8 * next(i for i, other in enumerate(images) if other is image)
        return [Face(Box(*(edge + shift for edge in LEFT.box)))]

    tracker = Tracker(detect, live=True)
    for i, image in enumerate(images):
        [(_, faces)] = tracker(Frame("", image, image.shape[:2], i / 30))
        lefts = [face.box.left - LEFT.box.left for face in faces.values()]
        assert lefts == ([8 * i] if i >= 6 else [])


@pytest.mark.parametrize(
    "found, shown",
    [
        ([1, 1, 1, 1], range(10)),
        ([0, 1, 1, 1], range(3, 10)),
        ([1, 1, 0, 1], range(10)),  # missed once
        ([1, 1, 0, 0], None),  # in two frames only
        ([1, 0, 0, 0], None),
    ],
)
def test_brief_faces_are_not_shown(still, found, shown):
    answers = iter(found)
    tracks, _, tracker = track(
        [still.copy() for _ in range(10)], lambda image: [LEFT] * next(answers)
    )
    assert frames_of(tracks) == ({} if shown is None else {1: list(shown)})
    assert tracker.not_shown == (shown is None)


@pytest.mark.parametrize("options, shown", [({}, {1}), ({"min_quality": 0}, {1, 2})])
def test_unclear_faces_are_not_shown(still, options, shown):
    """The mean over the detections counts."""
    clear = iter([0.5, 0.2, 0.7, 0.6] * 3)
    images = [still.copy() for _ in range(12)]

    def detect(image):
        return [replace(LEFT, quality=next(clear)), replace(RIGHT, quality=0.3)]

    tracks, _, tracker = track(images, detect, **options)
    assert set(frames_of(tracks)) == shown
    assert all(LEFT.box in [face.box for face in faces.values()] for faces in tracks)
    assert tracker.not_shown == 2 - len(shown)


def test_long_gap_shows_no_old_box(still):
    """A face that is found again keeps its track; boxes are at most 0.1 seconds old."""
    answers = iter([1] * 4 + [0] * 4 + [1] * 4)
    tracks, _, _ = track([still.copy() for _ in range(36)], lambda image: [LEFT] * next(answers))
    assert frames_of(tracks) == {1: [*range(12), *range(24, 36)]}


def test_frames_far_apart_need_one_detection(still):
    tracks, searched, _ = track(
        [still.copy(), still.copy()], lambda image: [LEFT], step=2.0, sparse=True
    )
    assert frames_of(tracks) == {1: [0, 1]}
    assert searched == [0, 1]


def test_points_move_with_the_box(still):
    points = np.array([(135, 115), (180, 112), (160, 140), (140, 162), (178, 160)], float)
    images = [still.copy() for _ in range(4)]
    moved = Face(Box(*(edge + 9 for edge in LEFT.box)), points + 9)
    answers = iter([Face(LEFT.box, points), moved])
    tracks, _, _ = track(images, lambda image: [next(answers)], min_quality=0)
    np.testing.assert_allclose(tracks[1][1].points, points + 3)


def changes(images):
    small = [tracking._thumbnail(image) for image in images]
    return [i for i in range(1, len(small)) if is_scene_change(small[i - 1], small[i])]


def test_scene_changes_of_real_clips(shared):
    assert changes(frames(shared / "demo" / "short_hamilton_clip.mp4")) == [20, 82, 211]
    assert changes(frames(shared / "demo" / "carphone_pristine.mp4")) == []


def test_dark_frames_are_one_scene(clip):
    black = np.zeros_like(clip[0])
    assert changes([black, black]) == []
    assert changes([black, clip[0]]) == [1]


def test_tracks_of_a_real_clip(shared):
    """Seven faces in four scenes; the dark audience behind them is not shown."""
    images = frames(shared / "demo" / "short_hamilton_clip.mp4")
    tracks, _, tracker = track(images, FaceFinder("centerface", 40, FaceCrop(64)).detect)
    assert len(frames_of(tracks)) == 7
    assert share_found(images, tracks) == 1
    assert tracker.not_shown > 0
