"""What a run leaves behind as it goes: history.csv and its curves, and the best checkpoints."""

import math
import time
from csv import DictReader
from dataclasses import replace
from pathlib import Path

import keras
import pandas as pd

from src.errors import UserError
from src.files import replacing
from src.models.checkpoints import save_checkpoint
from src.models.description import Description
from src.training.averaged import averaged
from src.training.generators import FaceBatches
from src.training.hosts import is_first_host
from src.training.schedules import Schedule

HISTORY = "history.csv"
_CURVES = {  # file: the history's columns it shows, each with its `val_` counterpart
    "loss.png": ("loss", "pred_gender_loss", "pred_age_loss"),
    "accuracy.png": ("pred_gender_accuracy", "pred_age_top5", "pred_age_mae"),
}


class History(keras.callbacks.Callback):
    """Writes `history.csv`, a row an epoch, and its curves anew after every epoch.

    To an epoch's figures it adds the learning rate, the faces trained on a second, and the share of
    the time that was spent in waiting for them, `data_wait`.
    epochs: what was written so far, by which a resumed run goes on.
    """

    def __init__(self, folder: Path, schedule: Schedule, batches: FaceBatches, done: int = 0):
        """batches: what is trained on.  done: epochs of a resumed run, whose rows stay."""
        super().__init__()
        self._folder = folder
        self._schedule = schedule
        self._batches = batches
        self.epochs: list[dict[str, float]] = []
        if done:
            with (folder / HISTORY).open(newline="") as file:
                rows = [
                    {name: float(value) for name, value in row.items()} for row in DictReader(file)
                ]
            self.epochs = [row | {"epoch": int(row["epoch"])} for row in rows[:done]]

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self._begun, self._waited = time.perf_counter(), self._batches.waited

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self._trained = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        seconds = self._trained - self._begun
        logs["learning_rate"] = self._schedule.of_epoch(epoch, len(self._batches) - 1)
        logs["faces_per_second"] = self._batches.count("faces") / seconds
        logs["data_wait"] = (self._batches.waited - self._waited) / seconds
        self.epochs.append({"epoch": epoch + 1, **logs})
        if is_first_host():
            self._write()

    def _write(self) -> None:
        history = pd.DataFrame(self.epochs)
        with replacing(self._folder / HISTORY) as path:
            history.to_csv(path, index=False)
        for name, columns in _CURVES.items():
            with replacing(self._folder / name) as path:
                _plot(history, columns, path)


class BestCheckpoints(keras.callbacks.Callback):
    """Saves `weights.{epoch}-{val_loss}.hdf5` whenever `monitor` improves on all epochs before.

    After `patience` epochs without that, it stops the run.
    """

    def __init__(
        self,
        folder: Path,
        description: Description,
        history: History,
        monitor: str = "val_loss",
        patience: int | None = None,
    ):
        super().__init__()
        self._folder = folder
        self._description = description
        self._history = history
        self._monitor = monitor
        self._patience = patience

    @property
    def best(self) -> dict[str, float] | None:
        """The figures of the best epoch so far, `epoch` counted from 1."""
        sign = -1 if self._monitor.endswith(("accuracy", "top5")) else 1
        epochs = self._history.epochs
        return min(epochs, key=lambda epoch: sign * epoch[self._monitor], default=None)

    @property
    def best_file(self) -> Path | None:
        best = self.best
        if best is None:
            return None
        return self._folder / f"weights.{best['epoch']:02d}-{best['val_loss']:.2f}.hdf5"

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        if self.best["epoch"] == epoch + 1:
            figures = {name: float(value) for name, value in self.best.items()}
            figures["epoch"] = epoch + 1
            with averaged(self.model):
                description = replace(self._description, figures=figures)
                if is_first_host():
                    save_checkpoint(self.best_file, self.model, description)
        elif self._patience and epoch + 1 - self.best["epoch"] >= self._patience:
            print(f"no better {self._monitor} for {self._patience} epochs: stopped", flush=True)
            self.model.stop_training = True


class FiniteLoss(keras.callbacks.Callback):
    """Stops the run, saying where, when the loss is no longer a number."""

    def __init__(self, schedule: Schedule, best: BestCheckpoints):
        super().__init__()
        self._schedule = schedule
        self._best = best
        self._epoch = 0
        self._last: tuple[int, float] | None = None

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, float]) -> None:
        self._check_last()
        self._last = batch, logs["loss"]

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        self._check_last()
        self._check(logs["val_loss"], 0, f"the validation of epoch {epoch + 1}")

    def _check_last(self) -> None:
        """Look at a step's loss once the next is under way: to ask sooner would make it wait."""
        if self._last:
            batch, loss = self._last
            self._last = None
            self._check(float(loss), batch, f"step {batch + 1} of epoch {self._epoch + 1}")

    def _check(self, loss: float, batch: int, where: str) -> None:
        if not math.isfinite(loss):
            rate = self._schedule.of_epoch(self._epoch, batch)
            good = f"the last good checkpoint is {self._best.best_file}"
            raise UserError(
                f"the loss became {loss} at {where}, at learning rate {rate:g}; give a lower --lr; "
                + (good if self._best.best_file else "there is no checkpoint yet")
            )


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
