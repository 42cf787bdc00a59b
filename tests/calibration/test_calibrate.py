"""Fitting and measuring of temperatures, against scikit-learn and synthetic models."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from src.calibration.calibrate import Calibration, Row, calibrate
from src.calibration.temperatures import Temperatures, fit_age, fit_gender
from src.data.database import open_database
from src.data.split import hashed
from src.errors import UserError
from src.estimation.estimator import Estimates
from src.evaluation.results import Labels
from src.faces.crop import FaceCrop
from src.labels import AGES
from src.models.description import Description
from tests.helpers import trained_on, write_our_database

NAN = np.nan


def softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def labels_of(age: np.ndarray) -> Labels:
    return Labels([""] * len(age), np.full(len(age), NAN), age, age)


def peaked(centre: np.ndarray, width: float) -> Estimates:
    """Estimates whose age distributions are Gaussians of this standard deviation."""
    ages = softmax(-(((AGES - centre[:, None]) / width) ** 2) / 2).astype(np.float32)
    return Estimates.of(np.full(len(centre), 0.5), ages)


def test_gender_temperature_is_maximum_likelihood():
    """The temperature equals the slope of a logistic regression on the scores."""
    rng = np.random.default_rng(0)
    scores = rng.normal(size=800) * 4
    gender = (rng.random(800) < 1 / (1 + np.exp(-scores / 2.5))).astype(float)
    p_female = 1 / (1 + np.exp(scores))
    slope = LogisticRegression(C=1e9, fit_intercept=False).fit(scores[:, None], gender).coef_[0, 0]
    found = fit_gender(np.append(p_female, [0.1] * 5), np.append(gender, [NAN] * 5))
    assert found == pytest.approx(1 / slope, rel=1e-3)


@pytest.mark.parametrize("spread", [0.5, 2])
def test_age_temperature_recovers_spread(spread):
    """Ages are drawn from distributions, and the model multiplies their scores by `spread`."""
    rng = np.random.default_rng(0)
    centre, width = rng.uniform(25, 75, (2000, 1)), rng.uniform(5, 9, (2000, 1))
    scores = -(((AGES - centre) / width) ** 2) / 2
    age = (softmax(scores).cumsum(axis=1) < rng.random((2000, 1))).sum(axis=1).astype(float)
    estimates = Estimates.of(np.full(2000, 0.5), softmax(spread * scores).astype(np.float32))
    assert fit_age(estimates, labels_of(age)) == pytest.approx(spread, rel=0.1)


def test_narrow_age_band_raises_temperature():
    """Few ages of 70 or more are covered, so that coverage rises to 82 % of all ages."""
    rng = np.random.default_rng(0)
    centre = np.append(rng.uniform(20, 60, 2700), rng.uniform(75, 90, 300))
    error = rng.normal(size=3000) * np.where(centre < 70, 5, 25)
    labels = labels_of(np.clip(np.rint(centre + error), np.where(centre < 70, 0, 70), 100))
    estimates = peaked(centre, 5)
    shares = [
        np.mean((scaled.age_low <= labels.age_low) & (labels.age_low <= scaled.age_high))
        for scaled in [Temperatures(1, fit_age(estimates, labels)).scale(estimates)]
    ]
    assert shares[0] == pytest.approx(0.82, abs=0.01)


@pytest.mark.parametrize("label", ["age", "gender"])
def test_unknown_labels_are_rejected(label):
    estimates, unknown = peaked(np.array([20.0, 30]), 5), np.full(2, NAN)
    with pytest.raises(UserError, match=f"--calibrate.*{label}"):
        if label == "age":
            fit_age(estimates, labels_of(unknown))
        else:
            fit_gender(estimates.p_female, unknown)


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


def write(path: Path, seed: int, spread: float, count: int = 1200) -> Path:
    """Faces with age errors of this spread; 15 % have the other gender."""
    rng = np.random.default_rng(seed)
    faces = rng.integers(0, 256, (count, 8, 8, 3), np.uint8)  # no two are equal
    faces[:, 0, 0, 1] = rng.integers(30, 70, count)
    female = rng.random(count) < 0.5
    faces[:, 0, 0, 0] = 100 * female
    age = np.clip(np.rint(faces[:, 0, 0, 1] + rng.normal(size=count) * spread), 0, 100)
    gender = (female == (rng.random(count) < 0.15)).astype(float)
    columns = {"age_low": age, "age_high": age, "gender": gender, "group": [""] * count}
    columns["path"] = [f"{path.stem}/{path.stem}{i}.jpg" for i in range(count)]
    write_our_database(path, faces, columns, db=path.stem)
    return path


@pytest.fixture(scope="module")
def database(tmp_path_factory) -> Path:
    return write(tmp_path_factory.mktemp("database") / "wiki.mat", 0, 8)


def test_validation_faces_are_halved(database):
    found = calibrate(Overconfident(database), [database])
    validation = sum(hashed(name) < 0.9 for name in open_database(database).names)
    rows = {row.name: row for row in found.rows}
    coverage = rows["age in the 80 % interval, all"]
    assert found.faces + coverage.faces == validation
    assert found.faces == pytest.approx(validation / 2, abs=60)
    assert coverage.before < 0.55
    assert coverage.after == pytest.approx(0.8, abs=0.04)
    assert found.temperatures.age == pytest.approx(4, rel=0.15)  # of a variance
    ece = rows["gender calibration error, all"]
    assert ece.before == pytest.approx(0.14, abs=0.03)
    assert ece.after < 0.05
    assert all(row.faces >= 100 for row in found.rows)
    assert found.description() == {
        "gender_temperature": found.temperatures.gender,
        "age_temperature": found.temperatures.age,
        "faces": found.faces,
        "collections": ["wiki"],
    }


def test_only_unseen_collections_are_fitted(database, tmp_path):
    """Errors on unseen collections are larger: coverage is 80 % there, and higher elsewhere."""
    elsewhere = write(tmp_path / "lap.mat", 1, 12)
    found = calibrate(Overconfident(database), [database, elsewhere])
    assert found.collections == ["lap"]
    assert found.temperatures.age == pytest.approx(9, rel=0.2)
    rows = {row.name: row for row in found.rows}
    never_seen = rows["age in the 80 % interval, collections never seen"]
    assert never_seen.after == pytest.approx(0.8, abs=0.05)
    assert found.faces + never_seen.faces == 1200
    assert rows["age in the 80 % interval, collections held out"].after > 0.9


@pytest.mark.parametrize("count", [1, 19])
def test_too_few_faces_are_refused(database, tmp_path, count):
    with pytest.raises(UserError, match=rf"--calibrate: .* 20 .* {count}\b"):
        calibrate(Overconfident(database), [write(tmp_path / "lap.mat", 1, 12, count)])


def test_rows_outside_their_range_are_noted():
    row = Row("coverage", 0.5, 0.77, (0.78, 0.82), 1234)
    calibration = Calibration(Temperatures(1, 1), 1, [], [row], ["other crops"])
    *_, line, note, other = str(calibration).splitlines()
    assert line.split()[-6:] == ["0.500", "0.770", "0.78", "to", "0.82", "1,234"]
    assert note.startswith("note: coverage") and "0.770" in note
    assert other == "note: other crops"


def test_calibrated_file_is_rejected(database):
    with pytest.raises(UserError, match=r"--calibrate.*4,621"):
        calibrate(Overconfident(database, {"faces": 4621}), [database])
