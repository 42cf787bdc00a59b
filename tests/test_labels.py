import numpy as np
import pytest

from src.labels import age_interval, age_targets, expected_age, gender_targets


def distributions(count):
    """Flat, peaked and two-peaked age distributions, float32 (count, 101)."""
    rng = np.random.default_rng(0)
    drawn = rng.random((count, 101)) ** rng.choice([1, 8, 60], (count, 1))
    return (drawn / drawn.sum(axis=1, keepdims=True)).astype(np.float32)


def shortest_range(distribution, mass):
    """Lowest and highest year, found by trying every range: the shortest, then the fullest."""
    best = None
    for low in range(101):
        for high in range(low, 101):
            held = float(distribution[low : high + 1].astype(np.float64).sum())
            if held >= mass and (best is None or (high - low, -held) < best[0]):
                best = (high - low, -held), (low, high)
    return best[1]


def test_known_gender_is_one_hot_and_unknown_all_zeros():
    targets = gender_targets(np.array([0, 1, np.nan]))
    assert targets.dtype == np.float32
    assert targets.tolist() == [[1, 0], [0, 1], [0, 0]]


def test_exact_age_is_one_hot():
    targets = age_targets(np.array([0.0, 37, 100]), np.array([0.0, 37, 100]))
    assert targets.shape == (3, 101)
    assert targets.sum(axis=1).tolist() == [1, 1, 1]
    assert targets.argmax(axis=1).tolist() == [0, 37, 100]


def test_age_range_is_uniform_over_its_years():
    (target,) = age_targets(np.array([20.0]), np.array([29.0]))
    np.testing.assert_allclose(target[20:30], 0.1)
    assert not target[:20].any() and not target[30:].any()


def test_unknown_age_is_all_zeros():
    assert not age_targets(np.array([np.nan]), np.array([np.nan])).any()


def test_age_is_read_as_the_expectation():
    half = np.zeros((1, 101), np.float32)
    half[0, [20, 50]] = 0.25, 0.75
    assert expected_age(half).tolist() == [42.5]
    np.testing.assert_allclose(expected_age(np.full((1, 101), 1 / 101)), 50)


@pytest.mark.parametrize("mass", [0.1, 0.5, 0.8, 0.99])
def test_interval_is_the_shortest_of_all_ranges(mass):
    faces = distributions(30)
    low, high = age_interval(faces, mass)
    expected = [shortest_range(face, mass) for face in faces]
    assert list(zip(low, high, strict=True)) == expected


def test_interval_of_one_certain_year_is_that_year():
    low, high = age_interval(np.eye(101, dtype=np.float32))
    assert low.tolist() == high.tolist() == list(range(101))


def test_interval_that_holds_the_mass_exactly_is_not_widened_by_rounding():
    tenths = np.zeros((1, 101), np.float32)
    tenths[0, 30:40] = 0.1
    low, high = age_interval(tenths)
    assert high - low + 1 == 8
