"""What a run leaves behind as it goes: checkpoints, history.csv and its curves."""

import math
from dataclasses import replace
from pathlib import Path

import keras
import pandas as pd

from src.errors import UserError
from src.files import replacing
from src.models.checkpoints import Description, save_checkpoint

HISTORY = "history.csv"
_CURVES = {  # file: the history's columns it shows, each with its `val_` counterpart
    "loss.png": ("loss", "pred_gender_loss", "pred_age_loss"),
    "accuracy.png": ("pred_gender_accuracy", "pred_age_top5", "pred_age_mae"),
}


class BestCheckpoints(keras.callbacks.Callback):
    """Saves `weights.{epoch}-{val_loss}.hdf5` whenever the validation loss improves."""

    def __init__(self, folder: Path, description: Description):
        super().__init__()
        self._folder = folder
        self._description = description
        self.best_file: Path | None = None
        self._best = math.inf

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        if logs["val_loss"] >= self._best:
            return
        self._best = logs["val_loss"]
        figures = {"epoch": epoch + 1, **{name: float(value) for name, value in logs.items()}}
        self.best_file = self._folder / f"weights.{epoch + 1:02d}-{self._best:.2f}.hdf5"
        save_checkpoint(self.best_file, self.model, replace(self._description, figures=figures))


class ValidatedByPart(keras.callbacks.Callback):
    """Adds what the validation gives on each of the joined databases, as `val_{name}_...`."""

    def __init__(self, parts: dict[str, keras.utils.PyDataset]):
        super().__init__()
        self._parts = {name: batches for name, batches in parts.items() if len(batches)}

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        for name, batches in self._parts.items():
            figures = self.model.evaluate(batches, verbose=0, return_dict=True)
            logs |= {f"val_{name}_{figure}": value for figure, value in figures.items()}


class FiniteLoss(keras.callbacks.Callback):
    """Stops the run, saying where, when the loss is no longer a number."""

    def __init__(self):
        super().__init__()
        self._epoch = 0

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, float]) -> None:
        self._check(logs["loss"], f"step {batch + 1} of epoch {self._epoch + 1}")

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        self._check(logs["val_loss"], f"the validation of epoch {epoch + 1}")

    def _check(self, loss: float, where: str) -> None:
        if not math.isfinite(loss):
            rate = float(self.model.optimizer.learning_rate)
            raise UserError(
                f"the loss became {loss} at {where}, at learning rate {rate:g}; "
                "give a lower --lr; checkpoints saved before are whole"
            )


class History(keras.callbacks.Callback):
    """Writes `history.csv`, a row an epoch, and its curves anew after every epoch."""

    def __init__(self, folder: Path):
        super().__init__()
        self._folder = folder
        self._epochs = []

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        self._epochs.append({"epoch": epoch + 1, **logs})
        history = pd.DataFrame(self._epochs)
        with replacing(self._folder / HISTORY) as path:
            history.to_csv(path, index=False)
        for name, columns in _CURVES.items():
            with replacing(self._folder / name) as path:
                _plot(history, columns, path)


def _plot(history: pd.DataFrame, columns: tuple[str, ...], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4 * len(columns), 3.5), layout="constrained")
    for axes, column in zip(figure.subplots(1, len(columns)), columns, strict=True):
        axes.plot(history["epoch"], history[column], marker=".", label="training")
        axes.plot(history["epoch"], history[f"val_{column}"], marker=".", label="validation")
        axes.set(xlabel="epoch", title=column)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(path, format="png", dpi=100)
