"""src/training/validation.py: the figures of several parts together are those of all rows."""

import keras
import numpy as np
import pytest

from src.labels import age_targets, expected_age, gender_targets
from src.models import build_model
from src.training.generators import FaceBatches
from src.training.losses import age_loss, gender_loss
from src.training.metrics import metrics
from src.training.validation import Validation
from tests.helpers import made_database


@pytest.fixture(scope="module")
def database():
    """40 faces: of the first 10 no age is known, of the last 25 no gender."""
    rng = np.random.default_rng(0)
    ages = rng.integers(0, 101, 40).astype(float)
    ages[:10] = np.nan
    genders = np.where(np.arange(40) < 15, np.arange(40) % 2.0, np.nan)
    faces = rng.integers(0, 256, (40, 16, 16, 3), np.uint8)
    return made_database(faces, genders, ages, ages)


@pytest.fixture(scope="module")
def model():
    model = build_model({"name": "wide_resnet", "depth": 10, "width": 1}, 16)
    loss = {"pred_gender": gender_loss(), "pred_age": age_loss()}
    model.compile("sgd", loss=loss, metrics=metrics())
    return model


@pytest.fixture(scope="module")
def logs(database, model):
    parts = {"one": np.arange(12), "two": np.arange(12, 40), "none": np.arange(0)}
    # Batches of one size: Keras counts a last, smaller one as the others in an output's loss.
    validation = Validation({name: FaceBatches(database, rows, 4) for name, rows in parts.items()})
    validation.set_model(model)
    logs = {}
    validation.on_epoch_end(0, logs)
    return logs


def test_every_part_and_all_have_every_figure(logs):
    figures = {"loss", "pred_gender_loss", "pred_gender_accuracy", "pred_age_loss"}
    figures |= {"pred_age_mae", "pred_age_top5"}
    assert set(logs) == {f"val_{part}{name}" for part in ("", "one_", "two_") for name in figures}


def test_figures_of_all_are_numpy_s(logs, database, model):
    gender, age = model.predict(database.image, verbose=0)
    targets = gender_targets(database.gender), age_targets(database.age_low, database.age_high)
    losses = [
        -(target * np.log(said)).sum(axis=1).mean()
        for target, said in zip(targets, (gender, age), strict=True)
    ]
    assert logs["val_pred_gender_loss"] == pytest.approx(losses[0], rel=1e-4)
    assert logs["val_pred_age_loss"] == pytest.approx(losses[1], rel=1e-4)
    decay = float(keras.ops.sum(model.losses))
    assert logs["val_loss"] == pytest.approx(sum(losses) + decay, rel=1e-4)
    known = slice(10, None)
    errors = np.abs(expected_age(age) - database.age_low)[known]
    assert logs["val_pred_age_mae"] == pytest.approx(errors.mean(), rel=1e-4)
    right = (gender.argmax(axis=1) == database.gender)[:15]
    assert logs["val_pred_gender_accuracy"] == pytest.approx(right.mean(), rel=1e-4)
