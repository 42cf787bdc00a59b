"""The demo's loop, with a detector and an estimator whose answers are known."""

import cv2
import numpy as np
import pytest

from src.data.faces import get_box_cutter
from src.data.images import Box
from src.demo.loop import show_faces
from src.demo.sources import Picture
from src.estimation.estimator import Estimates

SIZE = 16
BOXES = [Box(10, 10, 50, 50), Box(70, 20, 110, 70), Box(-5, 60, 30, 100)]


class Recorder:
    """An estimator that keeps what it was given and calls every face `age` years old."""

    def __init__(self):
        self.calls = []

    def __call__(self, faces):
        self.calls.append(faces)
        ages = np.arange(len(faces), dtype=np.float32)
        whole = ages.astype(np.int64)
        return Estimates(ages / 10, ages, whole, whole, np.zeros((len(faces), 101), np.float32))


@pytest.fixture
def pictures():
    rng = np.random.default_rng(0)
    return [Picture(f"{i}.jpg", rng.integers(0, 256, (120, 160, 3), np.uint8)) for i in range(3)]


def shown(pictures, estimator, margin=0.4, detect=lambda image: BOXES):
    results = []
    keep = [lambda result: results.append(result) or True]
    show_faces(pictures, detect, get_box_cutter("none", margin, SIZE), estimator, keep)
    return results


def test_all_faces_of_a_picture_are_estimated_at_once(pictures):
    estimator = Recorder()
    shown(pictures, estimator)
    assert [faces.shape for faces in estimator.calls] == [(3, SIZE, SIZE, 3)] * 3


@pytest.mark.parametrize("margin", [0.0, 0.4, 1.5])
def test_faces_are_cut_as_the_original_toolkit_cuts_them(pictures, margin):
    """Its formula, in demo.py: corners cut to whole pixels, clipped, both ends inside."""
    estimator = Recorder()
    image = pictures[0].image
    shown(pictures[:1], estimator, margin)
    for face, (x1, y1, x2, y2) in zip(estimator.calls[0], BOXES, strict=True):
        w, h = x2 - x1, y2 - y1
        xw1, yw1 = max(int(x1 - margin * w), 0), max(int(y1 - margin * h), 0)
        xw2, yw2 = min(int(x2 + margin * w), 160 - 1), min(int(y2 + margin * h), 120 - 1)
        expected = cv2.resize(image[yw1 : yw2 + 1, xw1 : xw2 + 1], (SIZE, SIZE))
        assert (face == expected).all()


def test_results_keep_pictures_boxes_and_estimates_together(pictures):
    results = shown(pictures, Recorder())
    assert [result.picture.name for result in results] == ["0.jpg", "1.jpg", "2.jpg"]
    for result in results:
        assert result.boxes == BOXES
        assert result.estimates.age.tolist() == [0, 1, 2]


def test_a_picture_without_a_face_is_handed_on(pictures):
    [result] = shown(pictures[:1], Recorder(), detect=lambda image: [])
    assert result.boxes == []
    assert len(result.estimates.age) == 0


def test_a_sink_that_has_enough_ends_the_demo_after_all_sinks_had_the_picture(pictures):
    first, last = [], []

    def leave(result):
        first.append(result.picture.name)
        return len(first) < 2

    def stay(result):
        last.append(result.picture.name)
        return True

    cut = get_box_cutter("none", 0.4, SIZE)
    show_faces(pictures, lambda image: BOXES, cut, Recorder(), [leave, stay])
    assert first == last == ["0.jpg", "1.jpg"]
