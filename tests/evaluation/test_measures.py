"""Number of faces of each metric, and the baseline."""

import numpy as np
import pytest

from src.evaluation.evaluate import measures_table
from src.evaluation.measures import baseline, measure
from src.evaluation.metrics import BY_NAME
from src.evaluation.results import labels_table
from tests.evaluation.colour_model import ColourModel, face

NAN = np.nan


def labelled(ages, genders, **more):
    ages = np.array(ages, float)
    return labels_table([""] * len(ages), np.array(genders, float), ages, ages, **more)


def values(labels, estimates, rows=None):
    """Metrics of some rows by name, and the number of faces of each."""
    return values_of(labels, measure(labels, estimates), rows)


def values_of(labels, measures, rows=None):
    groups = {"all": np.arange(len(labels)) if rows is None else rows}
    table = measures_table("model", measures, groups, seed=0, resamples=50)
    table = table.set_index("metric")
    several = table[table["n"] > 1]  # a single error has no interval, a single hit has
    assert ((several["low"] <= several["value"]) & (several["value"] <= several["high"])).all()
    return table["value"], table["n"]


# Estimates: 20 F, 30 F, 45 M, 60 M.
ESTIMATES = ColourModel()(np.stack([face(20, 90), face(30, 70), face(45, 40), face(60, 5)]))


def test_every_metric_by_hand():
    deviation = np.array([1.0, 2, 3, 4])
    found, n = values(labelled([20, 32, 40, 72], [0, 1, 1, 1], age_std=deviation), ESTIMATES)
    assert set(found.index) == set(BY_NAME) - {"range_error", "in_range"}
    assert set(n) == {4, 3, 1}
    # Errors 0, -2, 5, -12.
    expected = {
        **{"mae": 4.75, "median_error": 3.5, "bias": -2.25, "rmse": np.sqrt(173 / 4)},
        **{"cs1": 0.25, "cs3": 0.5, "cs5": 0.75, "cs10": 0.75, "top1": 0.25, "top5": 0.25},
        **{"coverage": 0.5, "interval_width": 5, "crps": 4.75},
        **{"nll": 0.75 * np.log(1e30), "gender_nll": -np.log(0.9 * 0.3 * 0.6 * 0.95) / 4},
        **{"gender_accuracy": 0.75, "balanced_accuracy": (1 + 2 / 3) / 2},
        **{"female_accuracy": 1, "male_accuracy": 2 / 3},
        "ece": ((1 - 0.95 + 1 - 0.9) + 0.7 + (1 - 0.6)) / 4,  # 0.9 and 0.95 share a bin
        "epsilon_error": 1 - (1 + np.exp(-0.5) + np.exp(-25 / 18) + np.exp(-144 / 32)) / 4,
    }
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=1e-6), name


def test_unknown_labels_are_ignored():
    found, n = values(labelled([20, NAN, 41, NAN], [NAN, 0, 1, 0]), ESTIMATES)
    assert (found["mae"], n["mae"]) == (pytest.approx(2), 2)
    assert (found["gender_accuracy"], n["gender_accuracy"]) == (pytest.approx(2 / 3), 3)
    assert "epsilon_error" not in found
    found, _ = values(labelled([20, 30, NAN, NAN], [NAN] * 4), ESTIMATES)
    assert {"mae", "top5", "nll", "crps"} <= set(found.index)
    assert not {name for name in found.index if "gender" in name or "accuracy" in name}
    found, _ = values(labelled([20, 30, NAN, NAN], [0, 1, 1, 1]), ESTIMATES, rows=np.array([2, 3]))
    assert {"gender_accuracy", "gender_nll", "male_accuracy"} <= set(found.index)
    assert not {"mae", "coverage", "female_accuracy"} & set(found.index)


def test_ranges_are_apart_from_exact_ages():
    """Distances to a range of ten years are not pooled with errors; two years count as exact."""
    low, high = np.array([15.0, 104, 30, 50]), np.array([24.0, 104, 39, 51])
    labels = labels_table(list("abcd"), np.full(4, NAN), low, high)
    found, n = values(labels, ColourModel()(np.stack([face(27), face(100), face(32), face(53)])))
    assert (found["mae"], n["mae"]) == (pytest.approx((4 + 2) / 2), 2)
    assert found["bias"] == pytest.approx((2 - 4) / 2)
    assert (found["range_error"], n["range_error"]) == (pytest.approx(3 / 2), 2)
    assert found["in_range"] == 0.5
    assert (found["top1"], n["top1"], n["coverage"]) == (0.5, 2, 2)


def test_baseline_is_the_median():
    """Of the training faces, or of the evaluated ones; no other constant has a smaller MAE."""
    labels = labelled([20, 30, 40, 75, 80], [0, 0, 0, 1, NAN])
    training = {"age_mean": 50.0, "age_median": 35.0, "male_share": 0.6}
    assert baseline(training, labels)[0] == "baseline: 35 years, male (training faces)"
    older = {"age_mean": 50.0, "male_share": 0.6}  # of version 0.2
    name, measures = baseline(older, labels)
    assert name == "baseline: 40 years, female (evaluated faces)"
    found, _ = values_of(labels, measures)
    assert found["mae"] == pytest.approx((20 + 10 + 0 + 35 + 40) / 5)
    assert found["mae"] <= min(np.abs(labels.age_low - age).mean() for age in range(101))
    assert found["gender_accuracy"] == 0.75
    name, _ = baseline(None, labelled([20], [NAN]))
    assert name == "baseline: 20 years (evaluated faces)"


def test_calibration_error_needs_both_genders():
    labels = labelled([20, 30, 45, 60], [0, 0, 1, 1])
    found, _ = values(labels, ESTIMATES)
    assert "ece" in found
    found, _ = values(labels, ESTIMATES, rows=np.array([0, 1]))
    assert "gender_accuracy" in found and "ece" not in found
