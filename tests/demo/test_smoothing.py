"""Ages and genders averaged along tracks, by hand and of real faces."""

from functools import partial

import numpy as np
import pytest

from src.demo.smoothing import Smoother
from src.demo.tracking import Tracker
from src.estimation.estimator import Estimates, Estimator
from src.faces.detectors import get_detector
from src.labels import age_interval
from tests.portraits import astronaut, hopper, moving

AGES = np.arange(101)


def estimates(*faces):
    """Estimates from a probability of female and one or two equally likely ages per face."""
    ages = [np.isin(AGES, ages) / len(ages) for _, *ages in faces]
    p_female = np.array([p for p, *_ in faces], np.float32)
    return Estimates.of(p_female, np.array(ages, np.float32).reshape(-1, 101))


def test_moving_average_of_ages():
    smooth = Smoother(3)
    ages = [20, 30, 40, 50, 10]
    shown = [smooth([7], estimates((age / 100, age))).age[0] for age in ages]
    fourth = 30 + (50 - 30) / 3
    fifth = fourth + (10 - fourth) / 3
    assert shown == pytest.approx([20, 25, 30, fourth, fifth], abs=1e-4)


def test_averages_are_of_distributions():
    smooth = Smoother(30)
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
    smooth = Smoother(30)
    smooth([0], estimates((0.1, 20)))
    both = smooth([0, 1], estimates((0.1, 40), (0.9, 70)))
    assert both.age == pytest.approx([30, 70])
    assert len(smooth([], estimates()).age) == 0
    assert smooth([0], estimates((0.1, 40))).age == pytest.approx([40])


def test_faces_may_come_in_any_order():
    smooth = Smoother(30)
    smooth([5, 3], estimates((0.1, 20), (0.9, 60)))
    assert smooth([3, 5], estimates((0.7, 80), (0.3, 40))).age == pytest.approx([70, 30])


def test_single_frame_is_unchanged():
    smooth = Smoother(1)
    for age in (20, 70):
        given = estimates((age / 100, age, age + 5))
        steady = smooth([0], given)
        assert (steady.age_distribution == given.age_distribution).all()
        assert steady.p_female == given.p_female and steady.age == given.age


def test_long_track_keeps_normalization():
    rng, smooth = np.random.default_rng(0), Smoother(30)
    for _ in range(200):
        distribution = rng.dirichlet(np.ones(101), 2).astype(np.float32)
        steady = smooth([0, 1], Estimates.of(rng.random(2, np.float32), distribution))
    assert steady.age_distribution.sum(axis=1) == pytest.approx([1, 1], abs=1e-5)
    assert steady.age_distribution.dtype == np.float32


@pytest.fixture(scope="module")
def estimator(shipped):
    return Estimator(shipped)


@pytest.mark.parametrize("portrait", [hopper, astronaut])
def test_smoothing_steadies_a_noisy_clip(estimator, portrait):
    rng = np.random.default_rng(0)
    images = [
        np.clip(image + rng.normal(0, 8, image.shape), 0, 255).astype(np.uint8)
        for image in moving(portrait(), 40, (320, 240))
    ]
    tracks = [*map(Tracker(partial(get_detector("centerface"), min_face=40)), images)]
    faces = [
        estimator.crop.stack(image, [track.face for track in found])
        for image, found in zip(images, tracks, strict=True)
    ]
    estimates = estimator(np.concatenate(faces))
    assert len(estimates.age) >= 30

    def step(smooth):
        """The standard deviation of the changes from frame to frame."""
        ages, begin = {}, 0
        for found in tracks:
            own = slice(begin, begin := begin + len(found))
            steady = smooth([face.number for face in found], estimates.of_faces(own))
            for face, age in zip(found, steady.age, strict=True):
                ages.setdefault(face.number, []).append(age)
        return np.concatenate([np.diff(track) for track in ages.values()]).std()

    assert step(Smoother(30)) < step(lambda numbers, single: single) / 3
