"""src/training/metrics.py: metrics worked out by hand."""

import numpy as np
import pytest

from src.labels import age_errors, age_targets, gender_targets
from src.training.metrics import training_metrics

WOMAN, MAN, UNKNOWN = 0.0, 1.0, np.nan


def measure(name: str, targets, predictions, known, is_mixed: bool = False) -> float:
    """A training metric of rows whose label is known, or not."""
    [metric] = [one for own in training_metrics(is_mixed) for one in own if one.name == name]
    metric.update_state(targets, predictions, np.asarray(known, np.float32))
    return float(metric.result())


def ages(*distributions: dict[int, float]) -> np.ndarray:
    """Age distributions from {age: probability}."""
    rows = np.zeros((len(distributions), 101), np.float32)
    for row, distribution in zip(rows, distributions, strict=True):
        row[list(distribution)] = list(distribution.values())
    return rows


def exact(*labels: float) -> np.ndarray:
    return age_targets(np.array(labels), np.array(labels))


def test_gender_accuracy_skips_the_unknown():
    predictions = np.array([[0.9, 0.1], [0.4, 0.6], [0.7, 0.3], [0.2, 0.8]], np.float32)
    targets = gender_targets(np.array([WOMAN, WOMAN, UNKNOWN, MAN]))
    assert measure("accuracy", targets, predictions, [1, 1, 0, 1]) == pytest.approx(2 / 3)


def test_class_weights_do_not_weigh_metrics():
    predictions = np.array([[0.9, 0.1], [0.4, 0.6]], np.float32)
    targets = gender_targets(np.array([WOMAN, WOMAN]))
    assert measure("accuracy", targets, predictions, [0.1, 8]) == pytest.approx(1 / 2)


@pytest.mark.parametrize("is_mixed", [False, True])
def test_age_error_is_of_the_expectation(is_mixed):
    predictions = ages({20: 0.5, 30: 0.5}, {0: 0.25, 100: 0.75}, {50: 1.0})
    found = measure("mae", exact(30, 60, UNKNOWN), predictions, [1, 1, 0], is_mixed)
    assert found == pytest.approx((5 + 15) / 2)


def test_age_error_of_a_range():
    low, high = np.array([20.0, 20, 20, 0]), np.array([29.0, 29, 29, 100])
    predicted = [31, 25, 12, 50]
    predictions = ages(*({age: 1.0} for age in predicted))
    expected = np.abs(age_errors(np.array(predicted), low, high)).mean()
    assert measure("mae", age_targets(low, high), predictions, [1] * 4) == pytest.approx(expected)


def test_age_error_of_mixed_ages():
    mixed = 0.25 * exact(20) + 0.75 * exact(60)
    assert measure("mae", mixed, ages({54: 1.0}), [1], is_mixed=True) == pytest.approx(4)


def test_top5_as_numpy_sorts():
    rng = np.random.default_rng(0)
    predictions = rng.dirichlet(np.ones(101), 400).astype(np.float32)
    labels = rng.integers(0, 101, 400).astype(float)
    labels[:200] = np.argsort(predictions[:200])[np.arange(200), rng.integers(91, 101, 200)]
    likeliest = np.argsort(predictions)[:, -5:]
    among = (likeliest == labels[:, None]).any(axis=1)[:350]
    found = measure("top5", exact(*labels), predictions, np.arange(400) < 350)
    assert found == pytest.approx(among.sum() / 350)


def test_top5_of_a_range():
    predictions = ages({29: 0.6, 50: 0.4}, {19: 0.5, 30: 0.5}, {25: 1.0})
    predictions[:, [1, 2, 3, 4, 5]] += 1e-3  # the five likeliest are these and no other
    targets = age_targets(np.full(3, 20.0), np.full(3, 29.0))
    assert measure("top5", targets, predictions, [1] * 3) == pytest.approx(2 / 3)
