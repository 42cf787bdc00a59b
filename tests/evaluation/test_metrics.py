"""Metrics against scikit-learn, or worked out by hand."""

import numpy as np
import pytest
from scipy import special
from sklearn import metrics as sklearn_metrics

from src.estimation.estimator import Estimates
from src.evaluation import metrics
from src.evaluation.measures import measure
from src.evaluation.results import labels_table
from src.labels import age_errors

N = 500
rng = np.random.default_rng(0)
AGE = rng.integers(0, 101, N).astype(float)
ESTIMATED = np.clip(AGE + rng.normal(1, 8, N), 0, 100)
DISTRIBUTION = special.softmax(rng.normal(0, 2, (N, 101)), axis=1)
MALE = rng.integers(0, 2, N).astype(float)
CORRECT = (rng.random(N) < np.where(MALE == 1, 0.9, 0.6)).astype(float)
PREDICTED = np.where(CORRECT == 1, MALE, 1 - MALE)
BALANCED = metrics.BY_NAME["balanced_accuracy"].function
WEIGHTS = np.stack([np.ones(N), np.bincount(rng.integers(N, size=N), minlength=N)])


def exact(age, distribution, high=None, gender=None):
    """Labels and estimates of faces."""
    count = len(age)
    unknown = np.full(count, np.nan)
    labels = labels_table(
        [""] * count, unknown if gender is None else gender, age, age if high is None else high
    )
    p_female = np.linspace(0.05, 0.95, count, dtype=np.float32)
    return labels, Estimates.of(p_female, distribution.astype(np.float32))


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


@pytest.mark.parametrize("k", [1, 5])
def test_top_accuracy_as_scikit_learn(k):
    labels, estimates = exact(AGE, DISTRIBUTION)
    ranks = measure(labels, estimates)["rank"].to_numpy()
    theirs = by_sklearn(
        sklearn_metrics.top_k_accuracy_score, AGE, DISTRIBUTION, k=k, labels=range(101)
    )
    np.testing.assert_allclose(metrics.BY_NAME[f"top{k}"].function(ranks, WEIGHTS), theirs)


def test_gender_metrics_as_scikit_learn():
    np.testing.assert_allclose(
        metrics.mean(CORRECT, WEIGHTS), by_sklearn(sklearn_metrics.accuracy_score, MALE, PREDICTED)
    )
    np.testing.assert_allclose(
        BALANCED(MALE, CORRECT, WEIGHTS),
        by_sklearn(sklearn_metrics.balanced_accuracy_score, MALE, PREDICTED),
    )


def test_nll_as_scikit_learn():
    measures = measure(*exact(AGE, DISTRIBUTION, gender=MALE))
    theirs = sklearn_metrics.log_loss(AGE, DISTRIBUTION, labels=range(101))
    assert measures["nll"].mean() == pytest.approx(theirs, rel=1e-5)
    p_male = 1 - exact(AGE, DISTRIBUTION)[1].p_female
    theirs = sklearn_metrics.log_loss(MALE, p_male)
    assert measures["gender_nll"].mean() == pytest.approx(theirs, rel=1e-5)


def test_crps_as_expected_distances():
    """CRPS = E|X - y| - E|X - X'| / 2, for two independent draws X and X' (Gneiting & Raftery,
    JASA 2007)."""
    measures = measure(*exact(AGE, DISTRIBUTION))
    years = np.arange(101)
    distances = np.abs(years[:, None] - years)
    expected = (DISTRIBUTION * distances[AGE.astype(int)]).sum(axis=1) - 0.5 * np.einsum(
        "ni,ij,nj->n", DISTRIBUTION, distances, DISTRIBUTION
    )
    np.testing.assert_allclose(measures["crps"], expected, rtol=1e-4)
    certain = np.eye(101)[np.full(3, 40)]
    scores = measure(*exact(np.array([40.0, 47, 31]), certain))["crps"]
    np.testing.assert_allclose(scores, [0, 7, 9])  # the MAE of a certain model


def test_calibration_error_by_hand():
    """0.81 and 0.86 share the bin (12/15, 13/15]; 0.99 is in the last."""
    male = np.arange(5) % 2
    confidence = np.array([0.81, 0.86, 0.99, 0.99, 0.55])
    correct = np.array([1.0, 0, 1, 1, 0])
    once = np.ones((1, 5))
    expected = (abs(1 - 1.67) + abs(2 - 1.98) + 0.55) / 5
    assert metrics.calibration_error(male, confidence, correct, once) == pytest.approx([expected])
    twice = np.array([[0.0, 2, 1, 0, 0]])
    expected = (2 * 0.86 + 0.01) / 3
    assert metrics.calibration_error(male, confidence, correct, twice) == pytest.approx([expected])
