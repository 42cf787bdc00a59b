"""Number of faces of each metric, and the baseline."""

import numpy as np
import pytest

from src.evaluation.figures import baseline, figures, measure
from src.evaluation.metrics import BY_NAME
from src.evaluation.results import Labels
from tests.evaluation.colour_model import ColourModel, face

NAN = np.nan


def labelled(ages, genders, **more):
    ages = np.array(ages, float)
    return Labels([f"{i}" for i in range(len(ages))], np.array(genders, float), ages, ages, **more)


def values(labels, estimates, training=None, rows=None):
    """Metrics of some rows by name, and the number of faces of each."""
    measures = measure(labels, estimates, baseline(training, labels))
    rows = np.arange(len(labels)) if rows is None else rows
    table = figures(measures, {"all": rows}, seed=0, resamples=50).set_index("figure")
    assert not table.isna().any(axis=None)
    return table["value"], table["n"]


# Estimates: 20 F, 30 F, 45 M, 60 M.
ESTIMATES = ColourModel()(np.stack([face(20, 90), face(30, 70), face(45, 40), face(60, 5)]))


def test_every_metric_by_hand():
    deviation = np.array([1.0, 2, 3, 4])
    found, n = values(labelled([20, 32, 40, 72], [0, 1, 1, 1], age_std=deviation), ESTIMATES)
    assert set(found.index) == set(BY_NAME)
    assert set(n) == {4}
    # Errors 0, -2, 5, -12; the labels' mean is 41.
    expected = {
        **{"mae": 4.75, "median_error": 3.5, "bias": -2.25, "rmse": np.sqrt(173 / 4)},
        **{"cs1": 0.25, "cs3": 0.5, "cs5": 0.75, "cs10": 0.75, "top1": 0.25, "top5": 0.25},
        **{"coverage": 0.5, "interval_width": 5},
        **{"baseline_mae": (21 + 9 + 1 + 31) / 4, "baseline_bias": 0, "baseline_cs1": 0.25},
        **{"gender_accuracy": 0.75, "balanced_accuracy": (1 + 2 / 3) / 2},
        **{"female_as_female": 1, "female_as_male": 0},
        **{"male_as_female": 1, "male_as_male": 2, "baseline_gender_accuracy": 0.75},
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


def test_metrics_of_no_face():
    found, _ = values(labelled([20, 30, NAN, NAN], [NAN] * 4), ESTIMATES)
    assert {"mae", "top5", "baseline_mae"} <= set(found.index)
    assert not {name for name in found.index if "gender" in name or "_as_" in name}
    found, _ = values(labelled([20, 30, NAN, NAN], [0, 1, 1, 1]), ESTIMATES, rows=np.array([2, 3]))
    assert {"gender_accuracy", "ece"} <= set(found.index)
    assert not {"mae", "coverage", "baseline_mae"} & set(found.index)


def test_age_ranges_and_years_above_100():
    labels = Labels(list("ab"), np.full(2, NAN), np.array([15.0, 104]), np.array([24.0, 104]))
    found, _ = values(labels, ColourModel()(np.stack([face(27), face(100)])))
    assert found["mae"] == pytest.approx((3 + 4) / 2)
    assert found["bias"] == pytest.approx((3 - 4) / 2)
    assert found["top1"] == 0.5


def test_baseline_of_training():
    labels = labelled([20, 30, 40, 70], [0, 0, 0, 1])
    training = {"age_mean": 35.0, "male_share": 0.6}
    assert str(baseline(training, labels)) == "35.0 years, male (of the training faces)"
    assert str(baseline(None, labels)) == "40.0 years, female (of the evaluated faces)"
    found, _ = values(labels, ESTIMATES, training)
    assert found["baseline_mae"] == pytest.approx((15 + 5 + 5 + 35) / 4)
    assert found["baseline_gender_accuracy"] == 0.25


def test_baseline_of_unknown_gender():
    assert str(baseline(None, labelled([20], [NAN]))) == "20.0 years (of the evaluated faces)"


def test_calibration_error_needs_both_genders():
    measures = measure(
        labelled([20, 30, 45, 60], [0, 0, 1, 1]), ESTIMATES, baseline(None, labelled([20], [0]))
    )
    slices = {"all": np.arange(4), "age 20-39 x gender female": np.array([0, 1])}
    table = figures(measures, slices, seed=0, resamples=5).set_index(["slice", "figure"])
    assert ("all", "ece") in table.index
    assert ("age 20-39 x gender female", "gender_accuracy") in table.index
    assert ("age 20-39 x gender female", "ece") not in table.index
