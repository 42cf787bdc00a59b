"""Metrics against scikit-learn, or worked out by hand."""

import numpy as np
import pytest
from scipy import special
from sklearn import metrics as sklearn_metrics

from src.evaluation import metrics
from src.labels import age_errors

N = 500
rng = np.random.default_rng(0)
AGE = rng.integers(0, 101, N).astype(float)
ESTIMATED = np.clip(AGE + rng.normal(1, 8, N), 0, 100)
DISTRIBUTION = special.softmax(rng.normal(0, 2, (N, 101)), axis=1)
MALE = rng.integers(0, 2, N).astype(float)
CORRECT = (rng.random(N) < np.where(MALE == 1, 0.9, 0.6)).astype(float)
PREDICTED = np.where(CORRECT == 1, MALE, 1 - MALE)
WEIGHTS = np.stack([np.ones(N), np.bincount(rng.integers(N, size=N), minlength=N)])


def by_sklearn(function, *arrays, **how):
    """A scikit-learn metric of all faces, and of the faces repeated by the weights."""
    return [
        function(*(array[np.repeat(np.arange(N), weights.astype(int))] for array in arrays), **how)
        for weights in WEIGHTS
    ]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (metrics.mean_absolute, sklearn_metrics.mean_absolute_error),
        (metrics.median_absolute, sklearn_metrics.median_absolute_error),
        (metrics.root_mean_square, sklearn_metrics.root_mean_squared_error),
        (metrics.mean, lambda age, estimated: (estimated - age).mean()),
    ],
)
def test_errors_as_scikit_learn(ours, theirs):
    error = age_errors(ESTIMATED, AGE, AGE)
    np.testing.assert_allclose(ours(error, WEIGHTS), by_sklearn(theirs, AGE, ESTIMATED))


def test_median_of_even_number():
    error = np.array([4.0, -1, 2, 8])
    weights = np.array([[1.0, 1, 1, 1], [0, 1, 1, 1], [2, 0, 0, 2]])
    np.testing.assert_allclose(metrics.median_absolute(error, weights), [3, 2, 6])


@pytest.mark.parametrize("k", [1, 5])
def test_top_accuracy_as_scikit_learn(k):
    ranks = metrics.label_ranks(DISTRIBUTION, AGE, AGE)
    theirs = by_sklearn(
        sklearn_metrics.top_k_accuracy_score, AGE, DISTRIBUTION, k=k, labels=range(101)
    )
    np.testing.assert_allclose(metrics.top_accuracy(ranks, WEIGHTS, k), theirs)


def test_gender_metrics_as_scikit_learn():
    np.testing.assert_allclose(
        metrics.mean(CORRECT, WEIGHTS), by_sklearn(sklearn_metrics.accuracy_score, MALE, PREDICTED)
    )
    np.testing.assert_allclose(
        metrics.balanced_accuracy(MALE, CORRECT, WEIGHTS),
        by_sklearn(sklearn_metrics.balanced_accuracy_score, MALE, PREDICTED),
    )
    cells = [
        [metrics.confusion_count(MALE, CORRECT, WEIGHTS, g, t) for t in (0, 1)] for g in (0, 1)
    ]
    theirs = by_sklearn(sklearn_metrics.confusion_matrix, MALE, PREDICTED)
    np.testing.assert_array_equal(np.moveaxis(cells, -1, 0), theirs)


def test_balanced_accuracy_of_one_gender():
    right = metrics.balanced_accuracy(np.ones(4), np.array([1.0, 1, 1, 0]), np.ones((1, 4)))
    assert right == pytest.approx([0.75])


def test_errors_of_ranges():
    error = age_errors(
        np.array([25.0, 20, 29.5, 17, 35, 40]),
        np.array([20.0, 20, 20, 20, 20, np.nan]),
        np.array([29.0, 29, 29, 29, 29, np.nan]),
    )
    np.testing.assert_allclose(error, [0, 0, 0.5, -3, 6, np.nan])
    once = np.ones((1, 5))
    assert metrics.mean_absolute(error[:5], once) == pytest.approx([9.5 / 5])
    assert metrics.mean(error[:5], once) == pytest.approx([3.5 / 5])
    assert metrics.root_mean_square(error[:5], once) == pytest.approx([np.sqrt(45.25 / 5)])
    scores = [metrics.cumulative_score(error[:5], once, years)[0] for years in (0.4, 0.5, 3, 6)]
    assert scores == pytest.approx([0.4, 0.6, 0.8, 1])


def test_top_accuracy_of_ranges():
    likely = np.zeros((4, 101))
    likely[:, [30, 31, 32, 33, 34, 35]] = [0.3, 0.2, 0.15, 0.14, 0.11, 0.1]
    ranks = metrics.label_ranks(
        likely, np.array([30.0, 34, 35, 35]), np.array([30.0, 39, 35, np.nan])
    )
    np.testing.assert_array_equal(ranks[:3], [0, 4, 5])
    assert np.isnan(metrics.label_ranks(likely[:1], np.array([np.nan]), np.array([np.nan]))[0])


def test_zero_probability_is_not_top():
    certain = np.eye(101)[[50]]
    assert metrics.label_ranks(certain, np.array([20.0]), np.array([20.0]))[0] >= 5


def test_coverage_of_ranges():
    interval = np.array([20, 20, 20, 20]), np.array([29, 29, 29, 29])
    low, high = np.array([29.0, 30, 25, 10]), np.array([29.0, 30, 34, 49])
    np.testing.assert_allclose(metrics.covered_shares(interval, low, high), [1, 0, 0.5, 0.25])


def test_calibration_error_by_hand():
    """0.81 and 0.86 share the bin (12/15, 13/15]; 0.99 is in the last."""
    confidence = np.array([0.81, 0.86, 0.99, 0.99, 0.55])
    correct = np.array([1.0, 0, 1, 1, 0])
    once = np.ones((1, 5))
    expected = (abs(1 - 1.67) + abs(2 - 1.98) + 0.55) / 5
    assert metrics.calibration_error(confidence, correct, once) == pytest.approx([expected])
    twice = np.array([[0.0, 2, 1, 0, 0]])
    expected = (2 * 0.86 + 0.01) / 3
    assert metrics.calibration_error(confidence, correct, twice) == pytest.approx([expected])


def test_epsilon_error_by_hand():
    error, deviation = np.array([0.0, 3, 4, 0, 1]), np.array([2.0, 3, 2, 0, 0])
    expected = 1 - (1 + np.exp(-0.5) + np.exp(-2) + 1 + 0) / 5
    found = metrics.epsilon_error(error, deviation, np.ones((1, 5)))
    assert found == pytest.approx([expected])
