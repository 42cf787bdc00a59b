"""Ages and genders averaged along tracks, by hand."""

from types import SimpleNamespace

import numpy as np
import pytest

from src.demo.arguments import Arguments
from src.demo.job import Frame
from src.demo.results import TrackedFaces
from src.estimation.estimator import Estimates
from src.faces.crop import FaceCrop
from src.faces.detectors.base import Face
from src.faces.images import Box
from src.labels import age_interval

AGES = np.arange(101)
FACES = [Face(Box(x, 0, x + 8, 8)) for x in (0, 8)]
IMAGE = np.zeros((8, 16, 3), np.uint8)
IMAGE[:, 8:] = 1  # the pixels of a face are its position


def estimates(*faces):
    """Estimates from a probability of female and one or two equally likely ages per face."""
    ages = [np.isin(AGES, ages) / len(ages) for _, *ages in faces]
    p_female = np.array([p for p, *_ in faces], np.float32)
    return Estimates.of(p_female, np.array(ages, np.float32).reshape(-1, 101))


class Clip:
    """Frames of a video in steps of 0.1 seconds, or another, with estimates of their faces."""

    def __init__(self, smooth, step=0.1):
        finder, arguments = SimpleNamespace(crop=FaceCrop(8, 0.0), detect=None), Arguments
        self.faces = TrackedFaces(finder, self.estimate, arguments(smooth=smooth), live=False)
        self.step, self.time, self.asked = step, 0.0, []

    def estimate(self, crops):
        due = crops[:, 4, 4, 0].tolist()
        self.asked.append((round(self.time / self.step), [self.track_ids[i] for i in due]))
        return self.given.of_faces(due)

    def __call__(self, track_ids, given):
        self.track_ids, self.given = track_ids, given
        tracked = dict(zip(track_ids, FACES, strict=False))
        result = self.faces.estimate(Frame("", IMAGE, (8, 16), self.time), tracked)
        self.time += self.step
        return result.faces


def test_averages_are_of_distributions():
    smooth = Clip(30)
    smooth([0], estimates((0.2, 20)))
    smooth([0], estimates((0.5, 60)))
    [steady] = smooth([0], estimates((0.8, 20, 61)))
    expected = np.zeros(101)
    expected[[20, 60, 61]] = 1.5 / 3, 1 / 3, 0.5 / 3
    assert steady.age_distribution == pytest.approx(expected, abs=1e-6)
    assert steady.p_female == pytest.approx(0.5)
    assert steady.age == pytest.approx(expected @ AGES, abs=1e-4)
    low, high = age_interval(expected[None])
    assert (steady.age_low, steady.age_high) == (low[0], high[0])


def test_new_track_has_no_history():
    smooth = Clip(30)
    smooth([0], estimates((0.1, 20)))
    both = smooth([0, 1], estimates((0.1, 40), (0.9, 70)))
    assert [face.age for face in both] == pytest.approx([30, 70])
    assert smooth([], estimates()) == []
    assert smooth([0], estimates((0.1, 40)))[0].age == pytest.approx(40)


def test_faces_are_estimated_ten_times_a_second():
    """A new face at once; in between, the last estimate is used."""
    smooth, given = Clip(30, step=1 / 30), estimates((0.1, 20), (0.9, 60))
    for frame in range(7):
        steady = smooth([0] if frame < 2 else [0, 1], given)
    assert smooth.asked == [(0, [0]), (2, [1]), (3, [0]), (5, [1]), (6, [0])]
    assert [face.age for face in steady] == pytest.approx([20, 60])


def test_rare_estimates_weigh_as_many_frames():
    """After the first 30 frames, an estimate of 3 frames has a weight of 3 / 30."""
    smooth = Clip(30, step=1 / 30)
    for _ in range(60):
        smooth([0], estimates((0.1, 20)))
    assert smooth([0], estimates((0.1, 70)))[0].age == pytest.approx(25, abs=1e-3)
