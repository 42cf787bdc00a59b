"""Which faces a figure is of, and what the baseline says."""

import numpy as np
import pytest

from src.evaluation.figures import FIGURES, baseline, figures, measure
from src.evaluation.results import Labels
from tests.evaluation.colour_model import ColourModel, face

NAN = np.nan


def labelled(ages, genders, **more):
    ages = np.array(ages, float)
    return Labels([f"{i}" for i in range(len(ages))], np.array(genders, float), ages, ages, **more)


def values(labels, estimates, training=None, rows=None):
    """Figures of some rows by name, and the faces that each is of."""
    measures = measure(labels, estimates, baseline(training, labels))
    rows = np.arange(len(labels)) if rows is None else rows
    table = figures(measures, {"all": rows}, seed=0, resamples=50).set_index("figure")
    assert not table.isna().any(axis=None)
    return table["value"], table["n"]


# Said 20 F, 30 F, 45 M, 60 M.
SAID = ColourModel()(np.stack([face(20, 90), face(30, 70), face(45, 40), face(60, 5)]))


def test_every_figure_by_hand():
    deviation = np.array([1.0, 2, 3, 4])
    found, n = values(labelled([20, 32, 40, 72], [0, 1, 1, 1], age_std=deviation), SAID)
    assert set(found.index) == set(FIGURES)
    assert set(n) == {4}
    # Errors 0, -2, 5, -12; the labels' mean is 41.
    expected = {
        **{"mae": 4.75, "median_error": 3.5, "bias": -2.25, "rmse": np.sqrt(173 / 4)},
        **{"cs1": 0.25, "cs3": 0.5, "cs5": 0.75, "cs10": 0.75, "top1": 0.25, "top5": 0.25},
        **{"coverage": 0.5, "interval_width": 5},
        **{"baseline_mae": (21 + 9 + 1 + 31) / 4, "baseline_bias": 0, "baseline_cs1": 0.25},
        **{"gender_accuracy": 0.75, "balanced_accuracy": (1 + 2 / 3) / 2},
        **{"female_told_female": 1, "female_told_male": 0},
        **{"male_told_female": 1, "male_told_male": 2, "baseline_gender_accuracy": 0.75},
        "ece": ((1 - 0.95 + 1 - 0.9) + 0.7 + (1 - 0.6)) / 4,  # 0.9 and 0.95 share a bin
        "epsilon_error": 1 - (1 + np.exp(-0.5) + np.exp(-25 / 18) + np.exp(-144 / 32)) / 4,
    }
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=1e-6), name


def test_unknown_labels_count_for_nothing():
    found, n = values(labelled([20, NAN, 41, NAN], [NAN, 0, 1, 0]), SAID)
    assert (found["mae"], n["mae"]) == (pytest.approx(2), 2)
    assert (found["gender_accuracy"], n["gender_accuracy"]) == (pytest.approx(2 / 3), 3)
    assert "epsilon_error" not in found


def test_figures_of_no_face_are_left_out():
    found, _ = values(labelled([20, 30, NAN, NAN], [NAN] * 4), SAID)
    assert {"mae", "top5", "baseline_mae"} <= set(found.index)
    assert not {name for name in found.index if "gender" in name or "told" in name}
    found, _ = values(labelled([20, 30, NAN, NAN], [0, 1, 1, 1]), SAID, rows=np.array([2, 3]))
    assert {"gender_accuracy", "ece"} <= set(found.index)
    assert not {"mae", "coverage", "baseline_mae"} & set(found.index)


def test_age_ranges_and_years_above_100():
    """Only the estimates' hundredth year can be right for those who are older."""
    labels = Labels(list("ab"), np.full(2, NAN), np.array([15.0, 104]), np.array([24.0, 104]))
    found, _ = values(labels, ColourModel()(np.stack([face(27), face(100)])))
    assert found["mae"] == pytest.approx((3 + 4) / 2)
    assert found["bias"] == pytest.approx((3 - 4) / 2)
    assert found["top1"] == 0.5


def test_baseline_is_the_training_s_where_the_model_says_it():
    labels = labelled([20, 30, 40, 70], [0, 0, 0, 1])
    training = {"age_mean": 35.0, "male_share": 0.6}
    assert str(baseline(training, labels)) == "35.0 years, male (of the training)"
    assert str(baseline(None, labels)) == "40.0 years, female (of the evaluated faces)"
    found, _ = values(labels, SAID, training)
    assert found["baseline_mae"] == pytest.approx((15 + 5 + 5 + 35) / 4)
    assert found["baseline_gender_accuracy"] == 0.25


def test_baseline_says_nothing_of_a_gender_that_nobody_knows():
    assert str(baseline(None, labelled([20], [NAN]))) == "20.0 years (of the evaluated faces)"
