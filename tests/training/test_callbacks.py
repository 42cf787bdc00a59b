"""src/training/callbacks.py: validation metrics, kept checkpoints, early stopping, failures."""

import math
import os
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
from src.training.callbacks import (
    BestCheckpoints,
    FiniteLoss,
    History,
    Validation,
    read_history,
)
from src.training.distribution import Devices
from src.training.network import compile_network, get_evaluator
from src.training.optimizers import get_schedule
from tests.helpers import made_database

ARCHITECTURE = {"name": "small_cnn"}
LOGS = {
    "loss": 5.0,
    "pred_gender_loss": 1.0,
    "pred_age_loss": 4.0,
    "pred_gender_accuracy": 0.5,
    "pred_age_mae": 9.0,
    "pred_age_top5": 0.25,
}


@pytest.fixture(scope="module")
def model():
    model = build_model(ARCHITECTURE, 16)
    model.compile(keras.optimizers.SGD(0.25))
    return model


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != "best.hdf5")


class Batches:
    waited = 0.0

    faces = 100

    def __len__(self):
        return 10


@pytest.fixture
def history(tmp_path):
    """The history of a run of 100 faces per epoch, at a learning rate of 0.25."""
    batches = Batches()
    return History(tmp_path, get_schedule("step", 0.25, 40, 10), batches)


DESCRIPTION = Description(ARCHITECTURE, FaceCrop(16))


def best_of(history, folder, model, description=DESCRIPTION, **arguments):
    arguments = Arguments([Path("a.mat")], output_path=folder, **arguments)
    best = BestCheckpoints(arguments, description, history)
    best.set_model(model)
    return best


def end(history, best, epoch, **logs):
    history.epochs.append({"epoch": epoch + 1, **logs})
    best.on_epoch_end(epoch, logs)


def test_improvements_are_saved(model, history, tmp_path):
    best = best_of(history, tmp_path, model)
    for epoch, loss in enumerate([4.0, 4.5, 4.0, 3.726, 3.9, 3.5]):
        end(history, best, epoch, val_loss=loss)
    assert names(tmp_path) == [
        "weights.01-4.00.hdf5",
        "weights.04-3.73.hdf5",
        "weights.06-3.50.hdf5",
    ]
    assert best.best_file == tmp_path / "weights.06-3.50.hdf5"
    assert (tmp_path / "best.hdf5").samefile(best.best_file)


def test_best_checkpoint_without_hard_links(model, history, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError("not on this file system")

    monkeypatch.setattr(os, "link", refuse)
    best = best_of(history, tmp_path, model)
    end(history, best, 0, val_loss=4.0)
    assert (tmp_path / "best.hdf5").read_bytes() == best.best_file.read_bytes()


@pytest.mark.parametrize(
    "monitor, values, kept",
    [
        ("val_pred_age_mae", [9.0, 8.0, 8.5], [1, 2]),
        ("val_pred_gender_accuracy", [0.7, 0.6, 0.8], [1, 3]),
        ("val_pred_age_top5", [0.2, 0.3, 0.3], [1, 2]),
    ],
)
def test_monitored_metrics_choose(model, history, tmp_path, monitor, values, kept):
    best = best_of(history, tmp_path, model, monitor=monitor)
    for epoch, value in enumerate(values):
        end(history, best, epoch, **{"val_loss": 3.0 + epoch, monitor: value})
    assert names(tmp_path) == [f"weights.{epoch:02d}-{epoch + 2}.00.hdf5" for epoch in kept]


def test_patience_ends_the_run(model, history, tmp_path):
    best = best_of(history, tmp_path, model, early_stopping=2)
    model.stop_training = False
    stopped = []
    for epoch, loss in enumerate([4.0, 3.0, 3.1, 3.2]):
        end(history, best, epoch, val_loss=loss)
        stopped.append(model.stop_training)
    assert stopped == [False, False, False, True]


def test_checkpoints_store_their_figures(model, history, tmp_path):
    best = best_of(history, tmp_path, model, Description(ARCHITECTURE, FaceCrop(16, 0.2)))
    for epoch in range(3):
        end(history, best, epoch, loss=5.0, val_loss=4.0 - epoch)
    _, description = load_checkpoint(best.best_file)
    figures = {"epoch": 3, "loss": 5.0, "val_loss": 2.0}
    assert description == Description(ARCHITECTURE, FaceCrop(16, 0.2), metrics=figures)


def test_averaged_weights_are_saved(tmp_path, history):
    model = build_model(ARCHITECTURE, 16)
    model.compile(keras.optimizers.SGD(0.25, use_ema=True, ema_momentum=0.5))
    model.optimizer.build(model.trainable_variables)
    kernel = model.trainable_variables[0]
    steps = [np.full(kernel.shape, value, np.float32) for value in (1.0, 3.0)]
    kernel.assign(steps[1])
    index = [v.path.endswith("average") for v in model.optimizer.variables].index(True)
    model.optimizer.variables[index].assign(steps[0])
    best = best_of(history, tmp_path, model)
    end(history, best, 0, val_loss=1.0)
    saved, _ = load_checkpoint(best.best_file)
    np.testing.assert_allclose(saved.get_weights()[0], steps[0], rtol=1e-6)
    np.testing.assert_allclose(kernel.numpy(), steps[1], rtol=1e-6)  # training continues with it


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_nan_loss_names_its_step(loss):
    finite = FiniteLoss()
    for batch in range(20):
        finite.on_train_batch_end(batch, {"loss": 3.0})
    with pytest.raises(UserError, match=f"{loss} at step 21; .*--lr"):
        finite.on_train_batch_end(20, {"loss": loss})


@pytest.mark.parametrize("name, where", [("loss", "end"), ("val_loss", "validation")])
def test_nan_loss_of_an_epoch(name, where):
    logs = {"loss": 3.0, "val_loss": 3.0}
    FiniteLoss().on_epoch_end(4, logs)
    with pytest.raises(UserError, match=f"{where} of epoch 5"):
        FiniteLoss().on_epoch_end(4, logs | {name: math.nan})


def test_history_per_epoch(history, tmp_path):
    logs = LOGS | {f"val_{name}": 2 * value for name, value in LOGS.items()}
    for epoch in range(2):
        history.on_epoch_begin(epoch)
        history.on_train_batch_end(9)
        history.on_epoch_end(epoch, logs | {"loss": 5.0 - epoch})
        assert names(tmp_path) == ["accuracy.png", "history.csv", "loss.png"]
        table = pd.read_csv(tmp_path / "history.csv")
        assert list(table)[: len(logs) + 1] == ["epoch", *logs]
        assert table["learning_rate"].tolist() == [0.25] * (epoch + 1)
        assert table["epoch"].tolist() == [1, 2][: epoch + 1]
        assert table["loss"].tolist() == [5.0, 4.0][: epoch + 1]
    history.on_train_end()
    for name in ("accuracy.png", "loss.png"):
        picture = matplotlib.image.imread(tmp_path / name)
        assert len(set(picture[..., :3].reshape(-1, 3).sum(1).round(3))) > 10  # curves, not blank


def test_speed_excludes_validation(history, monkeypatch):
    clock = iter([10.0, 18.0])
    timer = SimpleNamespace(perf_counter=lambda: next(clock))
    monkeypatch.setattr("src.training.callbacks.time", timer)
    history.on_epoch_begin(0)
    history._batches.waited = 2.0
    history.on_train_batch_end(9)
    logs = LOGS | {f"val_{name}": value for name, value in LOGS.items()}
    history.on_epoch_end(0, logs)
    assert logs["faces_per_second"] == 12.5
    assert logs["data_wait"] == 0.25


def test_resumed_history_keeps_its_rows(history, tmp_path):
    logs = LOGS | {f"val_{name}": value / 3 for name, value in LOGS.items()}
    for epoch in range(3):
        history.on_epoch_begin(epoch)
        history.on_train_batch_end(9)
        history.on_epoch_end(epoch, dict(logs))
    resumed = History(tmp_path, get_schedule("step", 0.25, 40, 10), history._batches, done=2)
    assert resumed.epochs == history.epochs[:2]


def test_weighted_mean_may_choose(model, history, tmp_path):
    monitor = "val_a_pred_age_mae:3,val_b_pred_age_mae"
    best = best_of(history, tmp_path, model, monitor=monitor)
    for epoch, (a, b) in enumerate([(8, 4), (7, 8), (7, 6)]):  # 28, 29 and 27 quarters
        metrics = {"val_loss": 1.0, "val_a_pred_age_mae": a, "val_b_pred_age_mae": b}
        end(history, best, epoch, **metrics)
    assert names(tmp_path) == ["weights.01-1.00.hdf5", "weights.03-1.00.hdf5"]


@pytest.mark.parametrize("text", ["", "epoch,loss\n1,2\n", "epoch,val_loss\nx,y\n"])
def test_damaged_histories_are_rejected(tmp_path, text):
    (tmp_path / "history.csv").write_text(text)
    with pytest.raises(UserError, match=r"history\.csv"):
        read_history(tmp_path / "history.csv", 1)


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


WEIGHTS = (2.0, 1.0)


@pytest.fixture(scope="module")
def compiled():
    arguments = Arguments([Path("a.mat")], gender_weight=WEIGHTS[0])
    model = build_model(ARCHITECTURE, 16)
    devices = Devices(["cpu:0"])
    compile_network(devices, model, arguments, get_schedule("step", 0.1, 1, 1))
    return model, get_evaluator(devices, model, arguments)


@pytest.fixture(scope="module")
def logs(database, compiled):
    parts = {"one": np.arange(11), "two": np.arange(11, 40), "none": np.arange(0)}
    batches = {name: FaceBatches(database, rows, 4) for name, rows in parts.items()}
    model, evaluator = compiled
    validation = Validation(evaluator, batches, WEIGHTS)
    validation.set_model(model)
    logs = {}
    validation.on_epoch_end(0, logs)
    return logs


def test_metrics_per_database_and_overall(logs):
    metrics = {"loss", "pred_gender_loss", "pred_gender_accuracy", "pred_age_loss"}
    metrics |= {"pred_age_mae", "pred_age_top5"}
    assert set(logs) == {f"val_{part}{name}" for part in ("", "one_", "two_") for name in metrics}


def test_overall_metrics_match_numpy(logs, database, compiled):
    """Losses are means over the faces with a known label, in batches of different sizes."""
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
    known = slice(10, None)
    errors = np.abs(age_errors(expected_age(age), database.age_low, database.age_high))[known]
    assert logs["val_pred_age_mae"] == pytest.approx(errors.mean(), rel=1e-4)
    right = (gender.argmax(axis=1) == database.gender)[:15]
    assert logs["val_pred_gender_accuracy"] == pytest.approx(right.mean(), rel=1e-4)


def test_databases_without_a_label_have_no_metric_of_it(database, compiled):
    rows = {"one": np.arange(15), "two": np.arange(15, 40)}  # no gender in the second
    batches = {name: FaceBatches(database, own, 4) for name, own in rows.items()}
    validation = Validation(compiled[1], batches, WEIGHTS)
    validation.set_model(compiled[0])
    logs = {}
    validation.on_epoch_end(0, logs)
    assert "val_two_pred_gender_accuracy" not in logs and "val_two_pred_age_mae" in logs
    assert logs["val_pred_gender_accuracy"] == logs["val_one_pred_gender_accuracy"]


@pytest.mark.parametrize(
    "monitor, is_known",
    [
        ("val_loss", True),
        ("val_pred_gender_accuracy", True),
        ("val_two_pred_age_mae,val_one_pred_age_mae", True),
        ("val_two_pred_gender_accuracy", False),  # no gender is known there
        ("val_three_pred_age_mae", False),
    ],
)
def test_monitored_metrics_must_exist(database, monitor, is_known):
    rows = {"one": np.arange(15), "two": np.arange(15, 40), "three": np.arange(0)}
    batches = {name: FaceBatches(database, own, 4) for name, own in rows.items()}
    validation = Validation(None, batches, WEIGHTS)
    arguments = Arguments([Path("a.mat")], monitor=monitor)
    if is_known:
        validation.check_monitor(arguments)
    else:
        with pytest.raises(UserError, match=f"--monitor: .*{monitor}"):
            validation.check_monitor(arguments)
