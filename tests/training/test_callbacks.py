"""src/training/callbacks.py: validation metrics, files of every epoch, early stopping, failures."""

import math
from pathlib import Path
from types import SimpleNamespace

import keras
import matplotlib.image
import numpy as np
import pandas as pd
import pytest

from src.errors import UserError
from src.faces.crop import FaceCrop
from src.labels import age_errors, age_targets, expected_age, gender_targets
from src.models import build_model
from src.models.checkpoints import load_checkpoint
from src.models.description import Description
from src.training.arguments import Arguments
from src.training.batches import FaceBatches
from src.training.callbacks import EpochFiles, Steps, Validation, read_history
from src.training.distribution import Devices
from src.training.network import compile_network, get_evaluator
from src.training.optimizers import get_schedule
from tests.helpers import made_database

ARCHITECTURE = {"name": "small_cnn"}
DESCRIPTION = Description(ARCHITECTURE, FaceCrop(16, 0.2))
METRICS = {
    "loss": 5.0,
    "pred_gender_loss": 1.0,
    "pred_age_loss": 4.0,
    "pred_gender_accuracy": 0.5,
    "pred_age_mae": 9.0,
    "pred_age_top5": 0.25,
}
LOGS = METRICS | {f"val_{name}": value / 3 for name, value in METRICS.items()}


@pytest.fixture(scope="module")
def model():
    model = build_model(ARCHITECTURE, 16)
    model.compile(keras.optimizers.SGD(0.25))
    return model


@pytest.fixture
def files(model, tmp_path):
    """Returns the callback of a run in `tmp_path`."""

    def made(done: int = 0, **arguments) -> EpochFiles:
        arguments = Arguments([Path("a.mat")], output_path=tmp_path, **arguments)
        callback = EpochFiles(arguments, DESCRIPTION, "0", done)
        callback.set_model(model)
        return callback

    return made


def saved_epochs(folder: Path) -> list[int]:
    return sorted(int(path.name.split("-")[0][-2:]) for path in folder.glob("weights.*"))


def test_improvements_are_saved(files, tmp_path):
    callback = files()
    for epoch, loss in enumerate([4.0, 4.5, 4.0, 3.726, 3.9, 3.5]):
        callback.on_epoch_end(epoch, LOGS | {"val_loss": loss})
    assert saved_epochs(tmp_path) == [1, 4, 6]
    assert callback.best_file == tmp_path / "weights.06-3.50.hdf5"
    assert (tmp_path / "best.hdf5").read_bytes() == callback.best_file.read_bytes()
    _, description = load_checkpoint(callback.best_file)
    metrics = LOGS | {"epoch": 6, "val_loss": 3.5}
    assert description == Description(ARCHITECTURE, FaceCrop(16, 0.2), metrics=metrics)


@pytest.mark.parametrize(
    "monitor, values, kept",
    [
        ("val_pred_age_mae", [9.0, 8.0, 8.5], [1, 2]),
        ("val_pred_gender_accuracy", [0.7, 0.6, 0.8], [1, 3]),
        ("val_a_pred_age_mae:3,val_b_pred_age_mae", [28 / 4, 29 / 4, 27 / 4], [1, 3]),
    ],
)
def test_monitored_metrics_choose(files, tmp_path, monitor, values, kept):
    callback = files(monitor=monitor)
    for epoch, value in enumerate(values):
        metrics = {"val_a_pred_age_mae": value + 1, "val_b_pred_age_mae": value - 3}
        callback.on_epoch_end(epoch, LOGS | metrics | {monitor: value})
    assert saved_epochs(tmp_path) == kept


def test_patience_ends_the_run(model, files):
    callback, stopped = files(early_stopping=2), []
    model.stop_training = False
    for epoch, loss in enumerate([4.0, 3.0, 3.1, 3.2]):
        callback.on_epoch_end(epoch, LOGS | {"val_loss": loss})
        stopped.append(model.stop_training)
    assert stopped == [False, False, False, True]


def test_averaged_weights_are_saved(files):
    model = build_model(ARCHITECTURE, 16)
    model.compile(keras.optimizers.SGD(0.25, use_ema=True, ema_momentum=0.5))
    model.optimizer.build(model.trainable_variables)
    kernel = model.trainable_variables[0]
    steps = [np.full(kernel.shape, value, np.float32) for value in (1.0, 3.0)]
    kernel.assign(steps[1])
    index = [v.path.endswith("average") for v in model.optimizer.variables].index(True)
    model.optimizer.variables[index].assign(steps[0])
    callback = files()
    callback.set_model(model)
    callback.on_epoch_end(0, dict(LOGS))
    saved, _ = load_checkpoint(callback.best_file)
    np.testing.assert_allclose(saved.get_weights()[0], steps[0], rtol=1e-6)
    np.testing.assert_allclose(kernel.numpy(), steps[1], rtol=1e-6)  # training continues with it


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_nan_loss_names_its_step(loss):
    finite = Steps(None, None, [])
    finite.on_train_batch_end(0, {"loss": 3.0})
    with pytest.raises(UserError, match=f"{loss} at step 21; .*--lr"):
        finite.on_train_batch_end(20, {"loss": loss})
    with pytest.raises(UserError, match="validation of epoch 5"):
        finite.on_epoch_end(4, {"loss": 3.0, "val_loss": loss})


def test_history_and_curves_per_epoch(files, tmp_path):
    callback = files()
    for epoch in range(2):
        callback.on_epoch_end(epoch, LOGS | {"loss": 5.0 - epoch})
        table = pd.read_csv(tmp_path / "history.csv")
        assert list(table) == ["epoch", *LOGS]
        assert table["epoch"].tolist() == [1, 2][: epoch + 1]
        assert table["loss"].tolist() == [5.0, 4.0][: epoch + 1]
    callback.on_train_end()
    for name in ("accuracy.png", "loss.png"):
        image = matplotlib.image.imread(tmp_path / name)
        assert len(set(image[..., :3].reshape(-1, 3).sum(1).round(3))) > 10  # curves, not blank


def test_resumed_history_keeps_its_rows(files):
    callback = files()
    for epoch in range(3):
        callback.on_epoch_end(epoch, dict(LOGS))
    assert files(done=2).epochs == callback.epochs[:2]


@pytest.mark.parametrize("text", ["", "epoch,loss\n1,2\n", "epoch,val_loss\nx,y\n"])
def test_damaged_histories_are_rejected(tmp_path, text):
    (tmp_path / "history.csv").write_text(text)
    with pytest.raises(UserError, match=r"history\.csv"):
        read_history(tmp_path / "history.csv", 1)


def test_speed_excludes_validation(monkeypatch):
    clock = iter([10.0, 18.0])
    timer = SimpleNamespace(perf_counter=lambda: next(clock))
    monkeypatch.setattr("src.training.callbacks.time", timer)
    database = made_database(np.zeros((100, 4, 4, 3), "u1"), *[[0] * 100] * 3)
    arguments = Arguments([Path("a.mat")], batch_size=10, lr=0.25)
    batches = FaceBatches(database, np.arange(100), arguments)
    speed, logs = Steps(get_schedule(arguments, 10), batches, []), {"loss": 1.0, "val_loss": 1.0}
    speed.on_epoch_begin(0)
    batches.waited = 2.0
    speed.on_train_batch_end(9, {})
    speed.on_epoch_end(0, logs)
    speeds = {"learning_rate": 0.25, "faces_per_second": 12.5, "data_wait": 0.25}
    assert logs == {"loss": 1.0, "val_loss": 1.0} | speeds


@pytest.fixture(scope="module")
def database():
    """40 faces: the first 10 without an age, the last 25 without a gender."""
    rng = np.random.default_rng(0)
    ages = rng.integers(0, 101, 40).astype(float)
    ages[:10] = np.nan
    ends = np.minimum(ages + 9 * (np.arange(40) % 2), 100)  # every second age is a range
    genders = np.where(np.arange(40) < 15, np.arange(40) % 2.0, np.nan)
    faces = rng.integers(0, 256, (40, 16, 16, 3), np.uint8)
    return made_database(faces, genders, ages, ends)


@pytest.fixture(scope="module")
def compiled():
    arguments = Arguments([Path("a.mat")], gender_weight=2.0)
    model = build_model(ARCHITECTURE, 16)
    devices = Devices(["cpu:0"])
    compile_network(devices, model, arguments, get_schedule(arguments, 1))
    return model, get_evaluator(devices, model, arguments)


def validate(database, compiled, monitor="val_loss", **rows) -> dict[str, float]:
    """The logs of the validation on some databases."""
    arguments = Arguments([Path("a.mat")], batch_size=4, gender_weight=2.0, monitor=monitor)
    batches = {name: FaceBatches(database, own, arguments) for name, own in rows.items()}
    validation, logs = Validation(compiled[1], batches, arguments), {}
    validation.set_model(compiled[0])
    validation.on_epoch_end(0, logs)
    return logs


def test_validation_metrics_match_numpy(database, compiled):
    """Losses are means over the faces with a known label, in batches of different sizes."""
    parts = {"one": np.arange(11), "two": np.arange(11, 40), "none": np.arange(0)}
    logs = validate(database, compiled, **parts)
    assert set(logs) == {f"val_{part}{name}" for part in ("", "one_", "two_") for name in METRICS}
    gender, age = compiled[0].predict(database.image, verbose=0)
    targets = gender_targets(database.gender), age_targets(database.age_low, database.age_high)
    losses = [
        -(target * np.log(predicted)).sum(axis=1)[known].mean()
        for target, predicted, known in zip(
            targets, (gender, age), (slice(15), slice(10, None)), strict=True
        )
    ]
    assert logs["val_pred_gender_loss"] == pytest.approx(losses[0], rel=1e-4)
    assert logs["val_pred_age_loss"] == pytest.approx(losses[1], rel=1e-4)
    decay = float(keras.ops.sum(compiled[0].losses))
    assert decay > 0.1
    assert logs["val_loss"] == pytest.approx(2 * losses[0] + losses[1] + decay, rel=1e-4)
    errors = np.abs(age_errors(expected_age(age), database.age_low, database.age_high))[10:]
    assert logs["val_pred_age_mae"] == pytest.approx(errors.mean(), rel=1e-4)
    right = (gender.argmax(axis=1) == database.gender)[:15]
    assert logs["val_pred_gender_accuracy"] == pytest.approx(right.mean(), rel=1e-4)


def test_unlabelled_databases_have_no_metric(database, compiled):
    parts = {"one": np.arange(15), "two": np.arange(15, 40), "three": np.arange(0)}
    monitor = "val_two_pred_age_mae,val_one_pred_age_mae"
    logs = validate(database, compiled, monitor, **parts)  # no gender in the second
    assert "val_two_pred_gender_accuracy" not in logs and "val_two_pred_age_mae" in logs
    assert logs["val_pred_gender_accuracy"] == logs["val_one_pred_gender_accuracy"]
    for monitor in ("val_two_pred_gender_accuracy", "val_three_pred_age_mae"):
        with pytest.raises(UserError, match=f"--monitor: .*{monitor} is none of"):
            validate(database, compiled, monitor, **parts)
