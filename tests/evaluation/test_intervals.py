"""Intervals against scipy, statsmodels and simulations of their coverage."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from src.evaluation import intervals, metrics
from src.evaluation.intervals import holm, p_value, share_interval, wilson, with_intervals
from src.evaluation.metrics import Share

rng = np.random.default_rng(1)
ERROR = rng.normal(1, 6, 200)
UNITS = np.arange(200)
FUNCTIONS = {
    "mae": partial(metrics.mean_absolute, ERROR),
    "rmse": partial(metrics.root_mean_square, ERROR),
    "median": partial(metrics.median_absolute, ERROR),
}
OF_SAMPLE = {
    "mae": lambda e: np.abs(e).mean(),
    "rmse": lambda e: np.sqrt((e**2).mean()),
    "median": lambda e: np.median(np.abs(e)),
}
ACCURACY = Share(lambda correct: correct)
BALANCED = Share(lambda male, correct: correct, balanced=True)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_intervals_equal_scipys(name):
    """Both are drawn, so they agree to a fraction of the interval's width."""
    value, *ends = with_intervals(FUNCTIONS, UNITS, seed=0, resamples=4000)[name]
    assert value == pytest.approx(OF_SAMPLE[name](ERROR))
    theirs = stats.bootstrap(
        (ERROR,), OF_SAMPLE[name], vectorized=False, n_resamples=4000, method="percentile", rng=2
    )
    bias = theirs.bootstrap_distribution.mean() - value
    expected = np.array(theirs.confidence_interval) - bias
    np.testing.assert_allclose(ends, expected, atol=0.06 * np.ptp(expected))


def test_equal_seeds_equal_intervals(monkeypatch):
    """The size of the batches of resamples does not matter."""
    once = with_intervals(FUNCTIONS, UNITS, seed=5, resamples=300)
    assert once == with_intervals(FUNCTIONS, UNITS, seed=5, resamples=300)
    assert once != with_intervals(FUNCTIONS, UNITS, seed=6, resamples=300)
    monkeypatch.setattr(intervals, "_MAX_CELLS", 7 * 200)
    pieces = with_intervals(FUNCTIONS, UNITS, seed=5, resamples=300)
    for name in FUNCTIONS:
        assert pieces[name] == pytest.approx(once[name])


def test_coverage_of_persons():
    """60 persons with 10 photos each, whose errors differ little: over persons, the mean's interval
    contains the true mean in 95 % of samples; over faces it would in a third."""
    person, hits = np.repeat(np.arange(60), 10), 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        error = 5 * rng.normal(size=60)[person] + rng.normal(size=600)
        mean = {"mean": partial(metrics.mean, error)}
        _, low, high = with_intervals(mean, person, seed, resamples=200)["mean"]
        hits += low <= 0 <= high
    assert 0.89 <= hits / 200 <= 0.99


def test_calibration_error_contains_its_value():
    """Of calibrated and of overconfident probabilities; of the latter the truth as well."""
    truth, hits = 0.1, 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        confidence = rng.uniform(0.65, 0.95, 400)
        for shift in (0, truth):
            correct = (rng.random(400) < confidence - shift).astype(float)
            function = partial(metrics.calibration_error, np.arange(400) % 2, confidence, correct)
            found = with_intervals({"ece": function}, np.arange(400), seed, 100)["ece"]
            assert found[1] <= found[0] <= found[2]
        hits += found[1] <= truth <= found[2]
    assert hits >= 88


def test_wilson_equals_scipys():
    for hits, trials in [(0, 10), (103, 103), (7, 40), (199, 200)]:
        theirs = stats.binomtest(hits, trials).proportion_ci(method="wilson")
        np.testing.assert_allclose(wilson(hits / trials, trials), theirs, atol=1e-6)


def test_perfect_share_has_width():
    """103 of 103 faces are correct: at least 96.4 %; of 20 persons fewer."""
    correct = np.ones(103)
    low, high = share_interval(ACCURACY, [[correct]], np.arange(103), (1, 1))
    assert (round(low, 3), high) == (0.964, 1)
    low, _ = share_interval(ACCURACY, [[correct]], np.arange(103) % 20, (1, 1))
    assert low == pytest.approx(wilson(1, 20)[0])
    moderate = np.repeat([0.0, 1], [10, 30])
    assert share_interval(ACCURACY, [[moderate]], np.arange(40), (0.6, 0.9)) == (0.6, 0.9)


def test_coverage_of_extreme_shares():
    """Balanced accuracy of 98 % among 40 women and 90 % among 60 men."""
    male, hits = np.repeat([0.0, 1], [40, 60]), 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        correct = (rng.random(100) < np.where(male == 1, 0.9, 0.98)).astype(float)
        low, high = share_interval(BALANCED, [[male, correct]], np.arange(100), (0, 0))
        hits += low <= 0.94 <= high
    assert 0.92 <= hits / 300 <= 0.99


def test_single_unit_has_no_interval():
    """Ten photos of one person, or one face, have a value alone."""
    for units in (np.zeros(10, int), np.zeros(1, int)):
        function = lambda w: metrics.mean(np.ones(w.shape[1]), w)  # noqa: E731
        value, low, high = with_intervals({"it": function}, units, 0, 50)["it"]
        assert value == 1 and np.isnan([low, high]).all()


def test_holm_by_hand():
    """Holm (1979): sorted P values times 4, 3, 2, 1, never decreasing."""
    found = holm(pd.Series([0.03, 0.001, 0.02, 0.04])).sort_index()
    np.testing.assert_allclose(found, [0.06, 0.004, 0.06, 0.06])
    assert holm(pd.Series([0.6, 0.7])).max() == 1


def test_p_value_of_an_interval():
    """Of a normal difference, whose P value is known; of a constant difference 0."""
    for difference, error in [(1, 0.4), (-3, 2)]:
        expected = 2 * stats.norm.sf(abs(difference) / error)
        ends = stats.norm.interval(0.95, difference, error)
        assert p_value(np.array([difference]), *map(np.atleast_1d, ends)) == pytest.approx(expected)
    constant = np.array([1.0])
    assert p_value(constant, constant, constant) == 0
    assert p_value(0 * constant, 0 * constant, 0 * constant) == 1


def test_coverage_of_differences_of_extreme_shares():
    """Of two models that differ on 2 % of 100 faces; the bootstrap's interval of no difference has
    no width, and covers in 84 %."""
    rng, hits = np.random.default_rng(0), []
    for _ in range(400):
        chance = rng.random(100)
        models = [[(chance > 0.02).astype(float)], [np.ones(100)]]
        low, high = share_interval(ACCURACY, models, np.arange(100), (0, 0))
        hits.append(low <= -0.02 <= high)
    assert low < high and 0.92 < np.mean(hits)
    assert share_interval(ACCURACY, [[np.ones(9)]] * 2, np.arange(9), (0, 0)) != (0, 0)
