"""Callbacks of a run: validation, history.csv, best checkpoints, interrupts."""

import csv
import math
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from ..errors import UserError
from ..files import defer_sigint, read_input_file, replacing, wrap_read_errors
from ..models.checkpoints import save_checkpoint
from ..models.description import Description
from .arguments import Arguments
from .batches import FaceBatches
from .hosts import is_first_host
from .network import Schedule, averaged
from .run import HISTORY

_MAX_HISTORY = 2**26  # bytes
_DRAWING_INTERVAL = 10.0  # seconds between curves: drawing takes longer than a tiny epoch
_CURVES = {  # file: columns of the history, each with its `val_` counterpart
    "loss.png": ("loss", "pred_gender_loss", "pred_age_loss"),
    "accuracy.png": ("pred_gender_accuracy", "pred_age_top5", "pred_age_mae"),
}


class DeferInterrupt(keras.callbacks.Callback):
    """As a context manager, defers Ctrl-C until a batch ends.

    Within a batch, libraries sometimes swallow it or turn it into other errors.
    """

    def __enter__(self) -> "DeferInterrupt":
        self._defer()
        return self

    def __exit__(self, *_) -> None:
        self._deferred.close()

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self._deferred.close()  # raises KeyboardInterrupt if Ctrl-C was pressed
        self._defer()

    def on_test_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self.on_train_batch_end(batch)

    def _defer(self) -> None:
        self._deferred = ExitStack()
        self._deferred.enter_context(defer_sigint())


class Validation(keras.callbacks.Callback):
    """Adds `val_{metric}` to the logs of every epoch, and `val_{database}_{metric}` if there are
    several databases.

    batches: validation faces by database name. The metrics on all faces are means over the
        databases, weighted by the number of faces with a known label.
    """

    def __init__(self, batches: dict[str, FaceBatches]):
        super().__init__()
        self._batches = {name: own for name, own in batches.items() if len(own)}

    def check_monitor(self, arguments: Arguments) -> None:
        """Raise `UserError` if a metric of --monitor has no validation face with a known label."""
        prefixes = {"val_": list(self._batches.values())}
        if len(self._batches) > 1:
            prefixes |= {f"val_{name}_": [own] for name, own in self._batches.items()}
        figure = arguments.monitored_figure
        for monitored in arguments.monitor_weights:
            counted = prefixes.get(monitored.removesuffix(figure), [])
            if not sum(batches.count(figure) for batches in counted):
                known = ", ".join(f"{prefix}{figure}" for prefix in prefixes)
                raise UserError(
                    f"--monitor: expected a metric of validation faces with a label, {known}, "
                    f"received {monitored}"
                )

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        with averaged(self.model):
            figures = {
                name: self.model.evaluate(batches, verbose=0, return_dict=True)
                for name, batches in self._batches.items()
            }
        if len(figures) > 1:
            for name, own in figures.items():
                logs |= {f"val_{name}_{figure}": value for figure, value in own.items()}
        for figure in next(iter(figures.values())):
            counts = [batches.count(figure) for batches in self._batches.values()]
            values = [own[figure] for own in figures.values()]
            logs[f"val_{figure}"] = float(np.dot(counts, values) / max(sum(counts), 1))


class History(keras.callbacks.Callback):
    """Writes `history.csv`, one row per epoch, after every epoch, and its curves, at most every ten
    seconds and at the end.

    Adds to the metrics of an epoch the learning rate, the training faces per second, and
    `data_wait`, the share of the time spent waiting for batches.
    epochs: the rows so far, including the rows before a resume.
    """

    def __init__(self, folder: Path, schedule: Schedule, batches: FaceBatches, done: int = 0):
        """batches: of the training set.  done: epochs of a resumed run, whose rows are kept."""
        super().__init__()
        self._folder = folder
        self._schedule = schedule
        self._batches = batches
        self._trained = 0.0  # end of the last training step
        self._drawn = -math.inf  # the same of the last epoch with curves
        self.epochs = read_history(folder / HISTORY, done) if done else []

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
            with replacing(self._folder / HISTORY) as path:
                pd.DataFrame(self.epochs).to_csv(path, index=False)
            if self._trained > self._drawn + _DRAWING_INTERVAL:
                self._draw()

    def on_train_end(self, logs: dict | None = None) -> None:
        if is_first_host() and self._trained > self._drawn:
            self._draw()

    def _draw(self) -> None:
        history = pd.DataFrame(self.epochs)
        for name, columns in _CURVES.items():
            with replacing(self._folder / name) as path:
                _plot(history, columns, path)
        self._drawn = self._trained


def read_history(path: Path, epochs: int) -> list[dict[str, float]]:
    """The rows of the first `epochs` epochs of a history; `UserError` if they are damaged."""
    text = read_input_file(path, "the history of the run to resume", _MAX_HISTORY)
    needed = {"epoch", "val_loss", *(f"val_{name}" for name in _CURVES["accuracy.png"])}
    with wrap_read_errors(path, "the history of a run; restore it, or pass another --output_path"):
        lines = csv.DictReader(text.decode().splitlines(), strict=True)
        rows = [{name: float(value) for name, value in row.items()} for row in lines]
        rows = [row | {"epoch": int(row["epoch"])} for row in rows[:epochs]]
        damaged = any(not needed <= set(row) for row in rows)
    if damaged or [row["epoch"] for row in rows] != list(range(1, epochs + 1)):
        raise UserError(
            f"{path}: expected epochs 1 to {epochs} with {', '.join(sorted(needed))}, received "
            f"{len(rows)} rows; restore it, or pass another --output_path"
        )
    return rows


class BestCheckpoints(keras.callbacks.Callback):
    """Saves `weights.{epoch}-{val_loss}.hdf5` whenever the monitored metric improves.

    Stops the run after `--early_stopping` epochs without improvement.
    """

    def __init__(self, arguments: Arguments, description: Description, history: History):
        super().__init__()
        self._arguments = arguments
        self._description = description
        self._history = history

    def _monitored(self, epoch: dict[str, float]) -> float:
        """The weighted mean of the monitored metrics; lower is better."""
        weights = self._arguments.monitor_weights
        mean = sum(weight * epoch[name] for name, weight in weights.items()) / sum(weights.values())
        return -mean if self._arguments.higher_is_better else mean

    @property
    def best(self) -> dict[str, float] | None:
        """The metrics of the best epoch so far, `epoch` counted from 1."""
        return min(self._history.epochs, key=self._monitored, default=None)

    @property
    def best_file(self) -> Path | None:
        best = self.best
        if best is None:
            return None
        name = f"weights.{best['epoch']:02d}-{best['val_loss']:.2f}.hdf5"
        return self._arguments.output_path / name

    @property
    def is_exhausted(self) -> bool:
        """Whether early stopping ends the run after the last epoch."""
        patience, epochs = self._arguments.early_stopping, self._history.epochs
        if not (patience and epochs):
            return False
        return epochs[-1]["epoch"] - self.best["epoch"] >= patience

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        if self.best["epoch"] == epoch + 1:
            figures = {name: float(value) for name, value in self.best.items()}
            figures["epoch"] = epoch + 1
            with averaged(self.model):
                description = replace(self._description, figures=figures)
                if is_first_host():
                    save_checkpoint(self.best_file, self.model, description)
        elif self.is_exhausted:
            patience = self._arguments.early_stopping
            print(f"early stopping: {self._arguments.monitor} did not improve in {patience} epochs")
            self.model.stop_training = True


class FiniteLoss(keras.callbacks.Callback):
    """Stops the run with a `UserError` if the loss becomes NaN or infinite."""

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
        """Check a step's loss while the next step runs: reading it sooner would wait for it."""
        if self._last:
            batch, loss = self._last
            self._last = None
            self._check(float(loss), batch, f"step {batch + 1} of epoch {self._epoch + 1}")

    def _check(self, loss: float, batch: int, where: str) -> None:
        if not math.isfinite(loss):
            rate = self._schedule.of_epoch(self._epoch, batch)
            good = f"the last checkpoint is {self._best.best_file}"
            raise UserError(
                f"the loss became {loss} at {where}, at learning rate {rate:g}; pass a lower --lr; "
                + (good if self._best.best_file else "there is no checkpoint yet")
            )


def _plot(history: pd.DataFrame, columns: tuple[str, ...], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4 * len(columns), 3.5))
    # Fixed margins, as a computed layout would draw everything twice.
    margins = {"left": 0.05, "right": 0.98, "bottom": 0.14, "top": 0.9}
    for axes, column in zip(
        figure.subplots(1, len(columns), gridspec_kw=margins), columns, strict=True
    ):
        axes.plot(history["epoch"], history[column], marker=".", label="training")
        axes.plot(history["epoch"], history[f"val_{column}"], marker=".", label="validation")
        axes.set(xlabel="epoch")
        axes.set_title(column, y=1)  # of fixed height, as the margins
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(path, format="png", dpi=100)
