"""src/training/metrics.py: metrics worked out by hand."""

import numpy as np
import pytest

from src.labels import age_errors, age_targets, gender_targets
from src.training.metrics import metrics

WOMAN, MAN, UNKNOWN = 0.0, 1.0, np.nan


@pytest.fixture
def measures():
    return {metric.name: metric for group in metrics().values() for metric in group}


def ages(*distributions: dict[int, float]) -> np.ndarray:
    """Age distributions from {age: probability}."""
    rows = np.zeros((len(distributions), 101), np.float32)
    for row, distribution in zip(rows, distributions, strict=True):
        row[list(distribution)] = list(distribution.values())
    return rows


def exact(*labels: float) -> np.ndarray:
    return age_targets(np.array(labels), np.array(labels))


def test_metrics_of_each_output():
    names = {output: [metric.name for metric in group] for output, group in metrics().items()}
    assert names == {"pred_gender": ["accuracy"], "pred_age": ["mae", "top5"]}


def test_gender_accuracy_skips_the_unknown(measures):
    predictions = np.array([[0.9, 0.1], [0.4, 0.6], [0.7, 0.3], [0.2, 0.8]], np.float32)
    measures["accuracy"].update_state(
        gender_targets(np.array([WOMAN, WOMAN, UNKNOWN, MAN])), predictions
    )
    assert float(measures["accuracy"].result()) == pytest.approx(2 / 3)


def test_smaller_batch_weighs_less(measures):
    accuracy = measures["accuracy"]
    right, wrong = np.array([[1, 0]], np.float32), np.array([[0, 1]], np.float32)
    accuracy.update_state(gender_targets(np.full(4, WOMAN)), np.repeat(right, 4, axis=0))
    accuracy.update_state(gender_targets(np.array([WOMAN])), wrong)
    assert float(accuracy.result()) == pytest.approx(4 / 5)


def test_age_error_is_of_the_expectation(measures):
    predictions = ages({20: 0.5, 30: 0.5}, {0: 0.25, 100: 0.75}, {50: 1.0})
    measures["mae"].update_state(exact(30, 60, UNKNOWN), predictions)
    assert float(measures["mae"].result()) == pytest.approx((5 + 15) / 2)


def test_age_error_of_a_range(measures):
    low, high = np.array([20.0, 20, 20, np.nan]), np.array([29.0, 29, 29, np.nan])
    predicted = [31, 25, 12, 50]
    measures["mae"].update_state(age_targets(low, high), ages(*({age: 1.0} for age in predicted)))
    expected = np.abs(age_errors(np.array(predicted), low, high))[:3]
    assert float(measures["mae"].result()) == pytest.approx(expected.mean())


def test_age_error_of_mixed_ages(measures):
    measures["mae"].update_state(0.25 * exact(20) + 0.75 * exact(60), ages({54: 1.0}))
    assert float(measures["mae"].result()) == pytest.approx(4)


def test_age_error_with_a_teacher(measures):
    """The teacher gives every age a probability, which makes no range of it."""
    even = np.full((1, 101), 1 / 101, np.float32)  # 50 years
    measures["mae"].update_state((exact(30) + even) / 2, ages({44: 1.0}))
    assert float(measures["mae"].result()) == pytest.approx(4, abs=1e-4)


def test_age_error_mixed_with_unknown(measures):
    measures["mae"].update_state(0.25 * exact(40), ages({44: 1.0}))
    assert float(measures["mae"].result()) == pytest.approx(4)


def test_top5_as_numpy_sorts(measures):
    rng = np.random.default_rng(0)
    predictions = rng.dirichlet(np.ones(101), 400).astype(np.float32)
    labels = rng.integers(0, 101, 400).astype(float)
    labels[:200] = np.argsort(predictions[:200])[np.arange(200), rng.integers(91, 101, 200)]
    likeliest = np.argsort(predictions)[:, -5:]
    among = (likeliest == labels[:, None]).any(axis=1)
    among[350:], labels[350:] = False, UNKNOWN
    measures["top5"].update_state(exact(*labels), predictions)
    assert float(measures["top5"].result()) == pytest.approx(among.sum() / 350)


def test_top5_of_a_range(measures):
    predictions = ages({29: 0.6, 50: 0.4}, {19: 0.5, 30: 0.5}, {25: 1.0})
    predictions[:, [1, 2, 3, 4, 5]] += 1e-3  # the five likeliest are these and no other
    targets = age_targets(np.full(3, 20.0), np.full(3, 29.0))
    measures["top5"].update_state(targets, predictions)
    assert float(measures["top5"].result()) == pytest.approx(2 / 3)


@pytest.mark.parametrize("name, targets", [("accuracy", 2), ("mae", 101), ("top5", 101)])
def test_unknown_labels_alone_count_nothing(measures, name, targets):
    predictions = np.full((3, targets), 1 / targets, np.float32)
    measures[name].update_state(np.zeros((3, targets), np.float32), predictions)
    assert float(measures[name].result()) == 0
