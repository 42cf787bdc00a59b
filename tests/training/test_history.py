"""src/training/history.py: which checkpoints are kept, and what a run that fails says."""

import math

import keras
import matplotlib.image
import pandas as pd
import pytest

from src.errors import UserError
from src.models import build_model
from src.models.checkpoints import Description, load_checkpoint
from src.training.history import BestCheckpoints, FiniteLoss, History

ARCHITECTURE = {"name": "wide_resnet", "depth": 10, "width": 1}
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
    return sorted(path.name for path in folder.iterdir())


def test_a_checkpoint_is_saved_when_validation_improves(model, tmp_path):
    best = BestCheckpoints(tmp_path, Description(ARCHITECTURE, 16))
    best.set_model(model)
    for epoch, loss in enumerate([4.0, 4.5, 4.0, 3.726, 3.9, 3.5]):
        best.on_epoch_end(epoch, {"val_loss": loss})
    assert names(tmp_path) == [
        "weights.01-4.00.hdf5",
        "weights.04-3.73.hdf5",
        "weights.06-3.50.hdf5",
    ]
    assert best.best_file == tmp_path / "weights.06-3.50.hdf5"


def test_a_checkpoint_says_what_it_reached(model, tmp_path):
    best = BestCheckpoints(tmp_path, Description(ARCHITECTURE, 16, margin=0.2))
    best.set_model(model)
    best.on_epoch_end(2, {"loss": 5.0, "val_loss": 4.0})
    _, description = load_checkpoint(best.best_file)
    figures = {"epoch": 3, "loss": 5.0, "val_loss": 4.0}
    assert description == Description(ARCHITECTURE, 16, margin=0.2, figures=figures)


@pytest.fixture
def finite(model):
    check = FiniteLoss()
    check.set_model(model)
    check.on_epoch_begin(4)
    return check


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_is_no_number_stops_the_run_at_its_step(finite, loss):
    finite.on_train_batch_end(6, {"loss": 3.0})
    with pytest.raises(UserError, match=f"became {loss} at step 8 of epoch 5, .* rate 0.25; "):
        finite.on_train_batch_end(7, {"loss": loss})


def test_a_validation_loss_that_is_no_number_stops_the_run(finite):
    finite.on_epoch_end(4, {"loss": 3.0, "val_loss": 3.0})
    with pytest.raises(UserError, match=r"validation of epoch 5, .* rate 0\.25; "):
        finite.on_epoch_end(4, {"loss": 3.0, "val_loss": math.nan})


def test_history_and_curves_after_every_epoch(tmp_path):
    history = History(tmp_path)
    logs = LOGS | {f"val_{name}": 2 * value for name, value in LOGS.items()}
    for epoch in range(2):
        history.on_epoch_end(epoch, logs | {"loss": 5.0 - epoch})
        assert names(tmp_path) == ["accuracy.png", "history.csv", "loss.png"]
        table = pd.read_csv(tmp_path / "history.csv")
        assert list(table) == ["epoch", *logs]
        assert table["epoch"].tolist() == [1, 2][: epoch + 1]
        assert table["loss"].tolist() == [5.0, 4.0][: epoch + 1]
    for name in ("accuracy.png", "loss.png"):
        picture = matplotlib.image.imread(tmp_path / name)
        assert len(set(picture[..., :3].reshape(-1, 3).sum(1).round(3))) > 10  # curves, not blank
