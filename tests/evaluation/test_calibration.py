"""src/evaluation/calibration.py: temperatures, against scikit-learn and made models."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from src.data.split import hashed
from src.errors import UserError
from src.estimation.estimator import Estimates
from src.evaluation.calibration import (
    Calibration,
    Row,
    age_temperatures,
    calibrate,
    gender_temperature,
)
from src.evaluation.results import Labels
from src.labels import AGES
from src.models.description import Description
from tests.helpers import split_of, write_our_database

NAN = np.nan


def softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def labels_of(age: np.ndarray) -> Labels:
    return Labels([""] * len(age), np.full(len(age), NAN), age, age)


def test_gender_temperature_is_the_likeliest():
    """As the slope of a logistic regression on the scores alone."""
    rng = np.random.default_rng(0)
    scores = rng.normal(size=800) * 4
    gender = (rng.random(800) < 1 / (1 + np.exp(-scores / 2.5))).astype(float)
    p_female = 1 / (1 + np.exp(scores))
    slope = LogisticRegression(C=1e9, fit_intercept=False).fit(scores[:, None], gender).coef_[0, 0]
    unknown = [NAN] * 5
    found = gender_temperature(np.append(p_female, [0.1] * 5), np.append(gender, unknown))
    assert found == pytest.approx(1 / slope, rel=1e-3)


@pytest.mark.parametrize("spread", [0.5, 2])
def test_age_temperature_undoes_a_wrong_spread(spread):
    """Ages are drawn from distributions whose scores the model multiplies by `spread`."""
    rng = np.random.default_rng(0)
    centre, width = rng.uniform(25, 75, (2000, 1)), rng.uniform(5, 9, (2000, 1))
    scores = -(((AGES - centre) / width) ** 2) / 2
    true = softmax(scores)
    age = (true.cumsum(axis=1) < rng.random((2000, 1))).sum(axis=1).astype(float)
    said = Estimates.of(np.full(2000, 0.5), softmax(spread * scores).astype(np.float32))
    found = age_temperatures(said, labels_of(age))
    assert found == pytest.approx([spread] * 3, rel=0.1)


def test_age_temperatures_rise_where_the_errors_do():
    """The model says of all ages that it is off by 6, and is by 2 for the young, 14 for the old."""
    rng = np.random.default_rng(0)
    centre = rng.uniform(5, 90, 3000)
    error = rng.normal(size=3000) * np.interp(centre, [0, 30, 80], [2, 6, 14])
    labels = labels_of(np.clip(np.rint(centre + error), 0, 100))
    said = softmax(-(((AGES - centre[:, None]) / 6) ** 2) / 2).astype(np.float32)
    found = age_temperatures(Estimates.of(np.full(3000, 0.5), said), labels)
    assert min(found[1:]) > 1.1 * found[0]


def test_labels_that_are_unknown_are_refused():
    said = Estimates.of(np.full(2, 0.5), np.full((2, 101), 1 / 101, np.float32))
    with pytest.raises(UserError, match="validation faces of known age, found none"):
        age_temperatures(said, labels_of(np.full(2, NAN)))
    with pytest.raises(UserError, match="validation faces of known gender, found none"):
        gender_temperature(said.p_female, np.full(2, NAN))


class TooSure:
    """Reads an age off the green of a face, with half the spread that it errs by."""

    img_size, margin, align = 8, 0.4, "none"

    def __init__(self, database: Path, calibration: dict | None = None):
        split = split_of(database, validation=0.9)
        self.description = Description({}, 8, calibration=calibration, split=split)

    def __call__(self, faces: np.ndarray) -> Estimates:
        centre = faces[:, 0, 0, 1, None].astype(float)
        ages = softmax(-(((AGES - centre) / 4) ** 2) / 2).astype(np.float32)
        return Estimates.of(np.where(faces[:, 0, 0, 0] > 50, 0.99, 0.01), ages)


@pytest.fixture(scope="module")
def database(tmp_path_factory) -> Path:
    """1,200 faces, of which 15 % of the genders are other than they look."""
    path = tmp_path_factory.mktemp("database") / "wiki.mat"
    rng = np.random.default_rng(0)
    faces = rng.integers(0, 256, (1200, 8, 8, 3), np.uint8)  # no two are the same
    faces[:, 0, 0, 1] = rng.integers(30, 70, 1200)
    female = rng.random(1200) < 0.5
    faces[:, 0, 0, 0] = 100 * female
    age = np.clip(np.rint(faces[:, 0, 0, 1] + rng.normal(size=1200) * 8), 0, 100)
    gender = (female == (rng.random(1200) < 0.15)).astype(float)
    path_column = [f"{i}.jpg" for i in range(1200)]
    columns = {"age_low": age, "age_high": age, "gender": gender, "path": path_column}
    write_our_database(path, faces, {**columns, "group": [""] * 1200})
    return path


def test_one_half_is_fitted_and_the_other_measured(database):
    found = calibrate(TooSure(database), [database])
    kept = [hashed(f"{i}.jpg") for i in range(1200)]
    assert found.faces == sum(h < 0.45 for h in kept)
    rows = {row.name: row for row in found.rows}
    coverage = rows["age in the 80 % interval, all"]
    assert coverage.faces == sum(0.45 <= h < 0.9 for h in kept)
    assert coverage.before < 0.55
    assert coverage.after == pytest.approx(0.8, abs=0.04)
    assert found.age_temperatures == pytest.approx([4] * 3, rel=0.15)  # of a variance
    ece = rows["gender calibration error, all"]
    assert ece.before == pytest.approx(0.14, abs=0.03)
    assert ece.after < 0.05
    assert all(row.faces >= 100 for row in found.rows)
    assert found.described() == {
        "gender_temperature": found.gender_temperature,
        "age_temperatures": found.age_temperatures,
        "faces": found.faces,
    }


def test_what_is_not_as_wanted_is_told(database):
    lines = str(
        replace(calibrate(TooSure(database), [database]), notes=["other crops"])
    ).splitlines()
    assert [line for line in lines if line.startswith("note: ")][-1] == "note: other crops"
    row = Row("age in the 80 % interval, all", 0.5, 0.77, (0.78, 0.82), 1234)
    [*_, line, note] = str(Calibration(1, [1, 1, 1], 1, [row], [])).splitlines()
    assert line.split()[-6:] == ["0.500", "0.770", "0.78", "to", "0.82", "1,234"]
    assert note == "note: age in the 80 % interval, all is 0.770, outside 0.78 to 0.82"


def test_a_calibrated_file_is_not_calibrated_again(database):
    with pytest.raises(UserError, match=r"--calibrate: .* not calibrated yet, .* on 4,621 faces"):
        calibrate(TooSure(database, {"faces": 4621}), [database])
