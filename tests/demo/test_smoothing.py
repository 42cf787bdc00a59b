"""Ages and genders averaged along tracks, by hand and of real faces."""

import numpy as np
import pytest

from src.demo.tracking import Smoother
from src.estimation.estimator import Estimates
from src.labels import age_interval

AGES = np.arange(101)


def estimates(*faces):
    """Estimates from a probability of female and one or two equally likely ages per face."""
    ages = [np.isin(AGES, ages) / len(ages) for _, *ages in faces]
    p_female = np.array([p for p, *_ in faces], np.float32)
    return Estimates.of(p_female, np.array(ages, np.float32).reshape(-1, 101))


class Clip:
    """Frames of a video in steps of 0.1 seconds, or another, with a smoother."""

    def __init__(self, frames, step=0.1):
        self.smooth, self.step, self.time, self.asked = Smoother(frames), step, 0.0, []

    def __call__(self, track_ids, given):
        def estimate(due):
            self.asked.append((round(self.time / self.step), [track_ids[i] for i in due]))
            return given.of_faces(due)

        smoothed = self.smooth(track_ids, self.time, estimate)
        self.time += self.step
        return smoothed


def test_averages_are_of_distributions():
    smooth = Clip(30)
    smooth([0], estimates((0.2, 20)))
    smooth([0], estimates((0.5, 60)))
    steady = smooth([0], estimates((0.8, 20, 61)))
    expected = np.zeros(101)
    expected[[20, 60, 61]] = 1.5 / 3, 1 / 3, 0.5 / 3
    assert steady.age_distribution[0] == pytest.approx(expected, abs=1e-6)
    assert steady.p_female == pytest.approx([0.5])
    assert steady.age == pytest.approx([expected @ AGES], abs=1e-4)
    low, high = age_interval(expected[None])
    assert (steady.age_low[0], steady.age_high[0]) == (low[0], high[0])


def test_new_track_has_no_history():
    smooth = Clip(30)
    smooth([0], estimates((0.1, 20)))
    both = smooth([0, 1], estimates((0.1, 40), (0.9, 70)))
    assert both.age == pytest.approx([30, 70])
    assert len(smooth([], estimates()).age) == 0
    assert smooth([0], estimates((0.1, 40))).age == pytest.approx([40])


def test_faces_are_estimated_ten_times_a_second():
    """A new face at once; in between, the last estimate is used."""
    smooth, given = Clip(30, step=1 / 30), estimates((0.1, 20), (0.9, 60))
    for frame in range(7):
        steady = smooth([0] if frame < 2 else [0, 1], given)
    assert smooth.asked == [(0, [0]), (2, [1]), (3, [0]), (5, [1]), (6, [0])]
    assert steady.age == pytest.approx([20, 60])


def test_rare_estimates_weigh_as_many_frames():
    """After the first 30 frames, an estimate of 3 frames has a weight of 3 / 30."""
    smooth = Clip(30, step=1 / 30)
    for _ in range(60):
        smooth([0], estimates((0.1, 20)))
    assert smooth([0], estimates((0.1, 70))).age == pytest.approx([25], abs=1e-3)
