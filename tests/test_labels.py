import numpy as np
import pytest

from src.labels import (
    age_errors,
    age_interval,
    age_midpoint,
    age_targets,
    age_text,
    covers,
    expected_age,
    gender_targets,
    is_exact,
)


def distributions(count):
    """Flat, peaked and two-peaked age distributions, float32 (count, 101)."""
    rng = np.random.default_rng(0)
    drawn = rng.random((count, 101)) ** rng.choice([1, 8, 60], (count, 1))
    return (drawn / drawn.sum(axis=1, keepdims=True)).astype(np.float32)


def shortest_range(distribution, mass):
    """First and last year by exhaustive search: the shortest, then the most probable range."""
    best = None
    for low in range(101):
        for high in range(low, 101):
            held = float(distribution[low : high + 1].astype(np.float64).sum())
            if held >= mass and (best is None or (high - low, -held) < best[0]):
                best = (high - low, -held), (low, high)
    return best[1]


def test_gender_targets():
    targets = gender_targets(np.array([0, 1, np.nan]))
    assert targets.dtype == np.float32
    assert targets.tolist() == [[1, 0], [0, 1], [0.5, 0.5]]


@pytest.mark.parametrize("low, high", [(0, 0), (37, 37), (100, 100), (20, 29), (0, 100)])
def test_age_targets_are_uniform(low, high):
    """Over the years of a range: exact ages are one-hot, an unknown age is all years."""
    ends = (np.nan, np.nan) if (low, high) == (0, 100) else (low, high)
    (target,) = age_targets(*np.array(ends, float)[:, None])
    expected = np.zeros(101)
    expected[low : high + 1] = 1 / (high - low + 1)
    np.testing.assert_allclose(target, expected, rtol=1e-6)


def test_expected_age():
    half = np.zeros((1, 101), np.float32)
    half[0, [20, 50]] = 0.25, 0.75
    assert expected_age(half).tolist() == [42.5]
    np.testing.assert_allclose(expected_age(np.full((1, 101), 1 / 101)), 50)


@pytest.mark.parametrize("mass", [0.1, 0.5, 0.8, 0.99])
def test_interval_is_shortest_range(mass):
    faces = distributions(30)
    low, high = age_interval(faces, mass)
    expected = [shortest_range(face, mass) for face in faces]
    assert list(zip(low, high, strict=True)) == expected


def test_rounding_does_not_widen_interval():
    ends = age_interval(np.eye(101, dtype=np.float32))
    assert np.array_equal(ends, [range(101)] * 2)
    tenths = np.zeros((1, 101), np.float32)
    tenths[0, 30:40] = 0.1
    low, high = age_interval(tenths)
    assert high - low + 1 == 8


def test_range_middle_and_text():
    low, high = np.array([20.0, 25, np.nan]), np.array([29.0, 25, np.nan])
    np.testing.assert_array_equal(age_midpoint(low, high), [24.5, 25, np.nan])
    assert [age_text(*ends) for ends in zip(low, high, strict=True)] == ["20-29", "25", "?"]


def test_age_error_is_distance_to_range():
    low, high = np.array([20.0] * 4 + [np.nan]), np.array([29.0] * 4 + [np.nan])
    error = age_errors(np.array([25.0, 29.5, 17, 35, 40]), low, high)
    np.testing.assert_array_equal(error, [0, 0.5, -3, 6, np.nan])


def test_two_years_count_as_exact():
    low, high = np.array([30, 30, 30, np.nan]), np.array([30, 31, 32, np.nan])
    assert is_exact(low, high).tolist() == [True, True, False, False]


def test_interval_covers_label_it_meets():
    # intervals 20-30 against labels below, meeting the lower end, within, the upper end, above
    labels = np.array([[18, 19], [19, 20], [25, 25], [30, 31], [31, 32], [np.nan, np.nan]])
    found = covers(np.full(6, 20), np.full(6, 30), *labels.T)
    assert found.tolist() == [False, True, True, True, False, False]
