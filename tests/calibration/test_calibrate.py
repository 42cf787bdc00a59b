"""Fitting and measuring of temperatures, against scikit-learn and synthetic models."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from src.calibration.calibrate import calibrate
from src.calibration.temperatures import fit, scale, scale_network
from src.data.database import open_database
from src.data.split import description_of, divide, hashed
from src.errors import UserError
from src.estimation.estimator import Estimates
from src.evaluation.results import Results
from src.faces.crop import FaceCrop
from src.labels import AGES
from src.models import build_model
from src.models.description import Description
from src.models.heads import AGE_HEADS
from tests.helpers import trained_on, write_our_database

NAN = np.nan


def softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def peaked(centre: np.ndarray, width: float) -> Estimates:
    """Estimates whose age distributions are Gaussians of this standard deviation."""
    ages = softmax(-(((AGES - centre[:, None]) / width) ** 2) / 2).astype(np.float32)
    return Estimates.of(np.full(len(centre), 0.5), ages)


def probabilities(scores: np.ndarray) -> np.ndarray:
    """Of female and male (N, 2), from scores in favour of male."""
    return softmax(np.stack([0 * scores, scores], axis=1))


def test_gender_temperature_is_maximum_likelihood():
    """The temperature of many faces equals the slope of a logistic regression on the scores."""
    rng = np.random.default_rng(0)
    scores = rng.normal(size=8000) * 4
    gender = (rng.random(8000) < 1 / (1 + np.exp(-scores / 2.5))).astype(int)
    slope = LogisticRegression(C=1e9, fit_intercept=False).fit(scores[:, None], gender).coef_[0, 0]
    assert fit(probabilities(scores), np.eye(2)[gender]) == pytest.approx(1 / slope, rel=5e-3)


def test_few_faces_without_error_stay_near_one():
    """The likelihood alone is largest at certainty."""
    assert 0.4 < fit(probabilities(np.linspace(0.5, 4, 20)), np.eye(2)[[1] * 20]) < 1


@pytest.mark.parametrize("width", [1, 10])
@pytest.mark.parametrize("spread", [0.5, 1, 2])
def test_age_temperature_recovers_spread(spread, width):
    """Ages are drawn from distributions, and the model multiplies their scores by `spread`; the
    ages are known, or only their decades."""
    rng = np.random.default_rng(0)
    centre, deviation = rng.uniform(25, 75, (3000, 1)), rng.uniform(5, 9, (3000, 1))
    scores = -(((AGES - centre) / deviation) ** 2) / 2
    age = (softmax(scores).cumsum(axis=1) < rng.random((3000, 1))).sum(axis=1)
    estimates = Estimates.of(np.full(3000, 0.5), softmax(spread * scores).astype(np.float32))
    found = fit(estimates.age_distribution, AGES // width == age[:, None] // width)
    assert found == pytest.approx(spread, rel=0.1)
    scaled = scale(estimates, {"gender_temperature": 1.0, "age_temperature": found})
    covered = (scaled.age_low <= age) & (age <= scaled.age_high)
    assert covered.mean() == pytest.approx(0.82, abs=0.03)  # whole years are more than 80 %


@pytest.mark.parametrize("age_head", AGE_HEADS)
def test_scaled_networks_equal_scaled_estimates(age_head):
    faces = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), np.uint8)
    model = build_model({"name": "small_cnn", "age_head": age_head}, 32)
    before = Estimates.of(*predict(model, faces))
    calibration = {"gender_temperature": 2.0, "age_temperature": 0.3}
    scale_network(model, calibration)
    expected, (p_female, ages) = scale(before, calibration), predict(model, faces)
    np.testing.assert_allclose(p_female, expected.p_female, rtol=1e-5)
    np.testing.assert_allclose(ages, expected.age_distribution, rtol=1e-3, atol=1e-7)
    assert np.abs(ages - before.age_distribution).max() > 1e-3


def predict(model, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of female (N,), and of the ages (N, 101)."""
    gender, age = model.predict_on_batch(faces)
    return gender[:, 0], age


class Overconfident:
    """Estimates the age from the green of a face, with half the spread of its errors."""

    crop = FaceCrop(8)

    def __init__(self, database: Path, calibration: dict | None = None):
        self.description = Description(
            {},
            self.crop,
            calibration=calibration,
            **trained_on(database, validation=0.9),
        )

    def __call__(self, faces: np.ndarray) -> Estimates:
        ages = peaked(faces[:, 0, 0, 1].astype(float), 4).age_distribution
        return Estimates.of(np.where(faces[:, 0, 0, 0] > 50, 0.99, 0.01), ages)


def write(
    path: Path,
    seed: int,
    spread: float,
    count: int = 1200,
    known: int = 1200,
    gender: float | None = None,
) -> Path:
    """Faces with age errors of this spread, `known` of them known; 15 % have the other gender, or
    all have `gender`."""
    rng = np.random.default_rng(seed)
    faces = rng.integers(0, 256, (count, 8, 8, 3), np.uint8)  # no two are equal
    faces[:, 0, 0, 1] = rng.integers(30, 70, count)
    female = rng.random(count) < 0.5
    faces[:, 0, 0, 0] = 100 * female
    age = np.clip(np.rint(faces[:, 0, 0, 1] + rng.normal(size=count) * spread), 0, 100)
    age[known:] = NAN
    genders = (female == (rng.random(count) < 0.15)).astype(float)
    columns = {"age_low": age, "age_high": age, "group": [""] * count}
    columns["gender"] = genders if gender is None else np.full(count, gender)
    columns["path"] = [f"{path.stem}/{path.stem}{i}.jpg" for i in range(count)]
    write_our_database(path, faces, columns, db=path.stem)
    return path


@pytest.fixture(scope="module")
def database(tmp_path_factory) -> Path:
    return write(tmp_path_factory.mktemp("database") / "wiki.mat", 0, 8)


def values(results: Results, metric: str, subgroup: str = "all") -> list[tuple[float, int]]:
    """Value and number of faces, before and after."""
    table = results.table.set_index(["model", "subgroup", "metric"])
    rows = [table.loc[(model, subgroup, metric)] for model in ("before", "after")]
    return [(row["value"], row["n"]) for row in rows]


def test_validation_faces_are_halved(database):
    calibration, results = calibrate(Overconfident(database), [database])
    validation = sum(hashed(name) < 0.9 for name in open_database(database).names)
    (before, count), (after, _) = values(results, "coverage")
    assert calibration["faces"] == validation - count
    assert count == pytest.approx(validation / 2, abs=60)
    assert before < 0.55
    assert after == pytest.approx(0.8, abs=0.04)
    assert calibration["age_temperature"] == pytest.approx(4, rel=0.15)  # of a variance
    (before, _), (after, _) = values(results, "ece")
    assert before == pytest.approx(0.14, abs=0.03)
    assert after < 0.05
    assert calibration["collections"] == ["wiki"]
    assert results.evaluations[1].uses == {"wiki": "held out"}


def test_random_splits_do_not_decide_the_halves(database):
    """Validation faces have the lowest positions of the split's seed, 0 by default."""
    model, opened = Overconfident(database), [open_database(database)]
    split, rows = divide(opened, "random", 0.3, 0, seed=0)
    model.description = Description({}, FaceCrop(8), **description_of(opened, split, rows))
    _, results = calibrate(model, [database])
    assert len(results.labels) == pytest.approx(180, abs=30)


def test_only_unseen_datasets_are_fitted(database, tmp_path):
    """Errors on unseen datasets are larger: coverage is 80 % there, and higher elsewhere."""
    elsewhere = write(tmp_path / "lap.mat", 1, 12)
    calibration, results = calibrate(Overconfident(database), [database, elsewhere])
    assert calibration["collections"] == ["lap"]
    assert calibration["age_temperature"] == pytest.approx(9, rel=0.2)
    _, (coverage, count) = values(results, "coverage", "use never seen")
    assert coverage == pytest.approx(0.8, abs=0.05)
    assert calibration["faces"] + count == 1200
    assert values(results, "coverage", "use held out")[1][0] > 0.9
    assert values(results, "nll")[1][0] < 4


def test_constant_label_keeps_temperature(tmp_path):
    path = write(tmp_path / "lap.mat", 1, 12, gender=1.0)
    calibration, results = calibrate(Overconfident(path), [path])
    assert calibration["gender_temperature"] == 1 != calibration["age_temperature"]
    assert any("values of gender are known" in note for note in results.notes)


@pytest.mark.parametrize(("count", "known"), [(24, 24), (300, 30)])
def test_guard_counts_fitted_faces(tmp_path, count, known):
    """About half of the faces with a label are fitted on: 12, or 15 of 30 known ages."""
    path = write(tmp_path / "lap.mat", 1, 12, count, known)
    model = Overconfident(path)
    model.description = replace(model.description, data=[{"db": "wiki", "file": "wiki.mat"}])
    with pytest.raises(UserError, match=r"--calibrate: .* 20 faces to fit the .*received 1\d "):
        calibrate(model, [path])


def test_few_unseen_faces_are_not_fitted_alone(database, tmp_path):
    """A dataset of three unseen faces does not replace a thousand validation faces."""
    write(tmp_path / "lap.mat", 1, 12, 3)
    calibration, _ = calibrate(Overconfident(database), [database, tmp_path / "lap.mat"])
    assert calibration["faces"] > 400
    assert calibration["age_temperature"] == pytest.approx(4, rel=0.15)


@pytest.mark.parametrize("gender", [NAN, 0.0])
def test_unknown_or_single_gender_keeps_its_temperature(tmp_path, gender):
    """Of a calibrated model, faces of the rarer gender alone ask for a higher temperature."""
    path = write(tmp_path / "wiki.mat", 0, 8, gender=gender)
    calibration, _ = calibrate(Overconfident(path), [path])
    assert calibration["gender_temperature"] == 1
    assert calibration["age_temperature"] == pytest.approx(4, rel=0.15)


def test_calibrated_file_is_rejected(database):
    with pytest.raises(UserError, match=r"--calibrate.*4,621"):
        calibrate(Overconfident(database, {"faces": 4621}), [database])
