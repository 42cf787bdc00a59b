"""Tracks in clips, against dlib on every frame; frames with a detection."""

from functools import partial

import cv2
import dlib
import numpy as np
import pytest

from src.demo.tracking import DETECT_EVERY, SEARCH_EVERY, Tracker, is_cut
from src.faces.detectors import get_detector
from src.faces.detectors.base import Face
from src.faces.images import Box, overlap
from tests.demo.made import frames
from tests.portraits import BOXES, astronaut, hopper, moving, two_people


@pytest.fixture(scope="module")
def clip(portraits):
    return frames(portraits / "clip.mp4")


@pytest.fixture(scope="module")
def scenes():
    """640x360; a new scene begins with frame 16."""
    return moving(hopper(), 16, (640, 360)) + moving(astronaut(), 17, (640, 360))


def follow_all(images, detect):
    """Tracks of each frame, and the number of frames with a detection."""
    searched = []
    track = Tracker(lambda image: searched.append(None) or detect(image))
    return [track(image) for image in images], len(searched)


def numbers(tracks):
    """Frames by number of track."""
    seen = {}
    for i, faces in enumerate(tracks):
        for face in faces:
            seen.setdefault(face.number, []).append(i)
    return seen


def share_found(images, tracks):
    """The share of faces found that the original toolkit finds in every third frame."""
    detect, found = dlib.get_frontal_face_detector(), []
    for image, faces in list(zip(images, tracks, strict=True))[::3]:
        for face in detect(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), 1):
            edges = face.left(), face.top(), face.right() + 1, face.bottom() + 1
            found.append(any(overlap(track.face.box, edges) > 0.4 for track in faces))
    assert len(found) >= 8
    return np.mean(found)


def test_one_face_is_one_track(clip):
    images = clip[:90]
    tracks, searched = follow_all(images, partial(get_detector("dlib"), min_face=22))
    assert share_found(images, tracks) >= 0.95
    assert numbers(tracks) == {0: list(range(90))}
    assert searched <= 15


def test_cut_ends_tracks(scenes):
    tracks, searched = follow_all(scenes, partial(get_detector("dlib"), min_face=40))
    assert share_found(scenes, tracks) >= 0.95
    assert numbers(tracks) == {0: list(range(16)), 1: list(range(16, 33))}
    assert searched <= 8


def test_spliced_clips_share_no_track(clip, scenes):
    enlarged = [cv2.resize(image, (640, 360)) for image in clip[:6]]
    everywhere = [Face(Box(200, 100, 400, 300))]
    tracks, _ = follow_all(enlarged + scenes[20:26], lambda image: everywhere)
    assert numbers(tracks) == {0: list(range(6)), 1: list(range(6, 12))}


def cuts(images):
    grey = [cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) for image in images]
    return [i for i in range(1, len(grey)) if is_cut(grey[i - 1], grey[i])]


def test_cuts_are_detected(clip, scenes):
    assert cuts(scenes) == [16]
    assert cuts(clip) == []


def test_cuts_of_real_clips(shared):
    assert cuts(frames(shared / "demo" / "short_hamilton_clip.mp4")) == [20, 82, 211]
    assert cuts(frames(shared / "demo" / "carphone_pristine.mp4")) == []


@pytest.mark.parametrize("gain, offset", [(0.5, 0), (1, 40), (0.3, 90)])
def test_switched_light_is_not_a_cut(clip, gain, offset):
    grey = cv2.cvtColor(clip[0], cv2.COLOR_BGR2GRAY)
    assert not is_cut(grey, np.clip(gain * grey.astype(float) + offset, 0, 255).astype(np.uint8))


def test_dark_frames_are_not_cuts(clip):
    black = np.zeros((144, 176), np.uint8)
    assert not is_cut(black, black)
    assert is_cut(black, cv2.cvtColor(clip[0], cv2.COLOR_BGR2GRAY))


@pytest.fixture(scope="module")
def still():
    return two_people(640)


LEFT, RIGHT = (Face(Box(*box)) for box in BOXES)  # its faces


def moved(image, x, y):
    shift = np.array([[1, 0, x], [0, 1, y]], float)
    return cv2.warpAffine(image, shift, image.shape[1::-1], borderMode=cv2.BORDER_REFLECT)


@pytest.mark.parametrize("found, every", [([LEFT], DETECT_EVERY), ([], SEARCH_EVERY)])
def test_detection_interval(still, found, every):
    searched = []
    tracker = Tracker(lambda image: searched.append(frame) or found)
    for frame in range(2 * every + 2):  # noqa: B007  the detector sees it
        assert [track.face for track in tracker(still)] == found
    assert searched == [0, every, 2 * every]


def test_two_missed_detections_end_a_track(still):
    answers = iter([[LEFT], [], [LEFT], [], [], [LEFT]])
    end = 4 * DETECT_EVERY
    tracks, _ = follow_all([still] * (end + SEARCH_EVERY + 1), lambda image: next(answers))
    assert numbers(tracks) == {0: list(range(end)), 1: [end + SEARCH_EVERY]}


def test_lost_face_is_detected_at_once(still):
    covered = still.copy()
    box = LEFT.box
    covered[box.top : box.bottom, box.left : box.right] = np.random.default_rng(0).integers(
        0, 256, (108, 108, 3)
    )
    answers = iter([[LEFT, RIGHT], [RIGHT]])
    tracks, searched = follow_all([still, still, covered, covered], lambda image: next(answers))
    assert numbers(tracks) == {0: [0, 1], 1: [0, 1, 2, 3]}
    assert searched == 2


def test_boxes_join_overlapping_tracks(still):
    found = [
        Face(Box(*(edge + 8 for edge in face.box))) for face in (RIGHT, LEFT)
    ]  # the other way round
    answers = iter([[LEFT, RIGHT], found])
    tracks, _ = follow_all([still] * (DETECT_EVERY + 1), lambda image: next(answers))
    assert {track.number: track.face for track in tracks[-1]} == {0: found[1], 1: found[0]}


def test_boxes_of_large_frames(still):
    large = cv2.resize(still, None, fx=3, fy=3)
    box = Box(*(3 * edge for edge in LEFT.box))
    tracks, _ = follow_all([large, moved(large, 24, 12)], lambda image: [Face(box)])
    assert np.subtract(tracks[1][0].face.box, box) == pytest.approx([24, 12, 24, 12], abs=3)


def test_points_move_with_the_box(still):
    points = np.array([(135, 115), (180, 112), (160, 140), (140, 162), (178, 160)], float)
    face = Face(LEFT.box, points)
    tracks, _ = follow_all([still, moved(still, 9, 5)], lambda image: [face])
    np.testing.assert_allclose(tracks[1][0].face.points, points + np.array([9, 5]), atol=2)
