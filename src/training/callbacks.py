"""Callbacks of a run: validation, history.csv, best checkpoints, interrupts."""

import math
import os
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from keras.optimizers.schedules import LearningRateSchedule

from ..errors import UserError
from ..files import defer_sigint, replacing, wrap_read_errors
from ..models.checkpoints import save_checkpoint
from ..models.description import OUTPUTS, Description
from ..models.statistics import estimate_statistics
from .arguments import Arguments
from .batches import FaceBatches
from .hosts import is_first_host
from .metrics import LABELLED
from .network import Evaluator, averaged
from .run import BEST, HISTORY

_CHECK_INTERVAL = 20  # steps; the loss is a mean over the epoch, which stays NaN
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

    A metric, losses included, is the mean over the faces with a known label.

    Args:
        evaluator: shares the layers of the model.
        batches: validation faces by database name.
        loss_weights: of the outputs, in the order of `OUTPUTS`.
        faces: batches of training faces, on which the statistics of batch normalizations are
            estimated if the optimizer averages the weights.
    """

    def __init__(
        self,
        evaluator: Evaluator,
        batches: dict[str, FaceBatches],
        loss_weights: Sequence[float],
        faces: Callable[[], Iterable[np.ndarray]] = tuple,
    ):
        super().__init__()
        self._evaluator = evaluator
        self._batches = {name: own for name, own in batches.items() if len(own)}
        self._loss_weights = dict(zip(OUTPUTS, loss_weights, strict=True))
        self._faces = faces

    def check_monitor(self, arguments: Arguments) -> None:
        """Raise `UserError` if a metric of --monitor has no validation face with a known label."""
        metric = arguments.monitored_metric
        prefixes = {"val_": self._batches.values()}
        if len(self._batches) > 1:
            prefixes |= {f"val_{name}_": [own] for name, own in self._batches.items()}
        for monitored in arguments.monitor_weights:
            databases = prefixes.get(monitored.removesuffix(metric), [])
            if not sum(own.known[output] for own in databases for output in LABELLED[metric]):
                known = ", ".join(f"{prefix}{metric}" for prefix in prefixes)
                raise UserError(
                    f"--monitor: expected a metric of validation faces with a label, {known}, "
                    f"received {monitored}"
                )

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        with averaged(self.model):
            if self.model.optimizer.use_ema:
                estimate_statistics(self.model, self._faces())
            found = {
                name: self._evaluator.evaluate(batches, verbose=0, return_dict=True)
                for name, batches in self._batches.items()
            }
        means = self._means({name: own.known for name, own in self._batches.items()}, found)
        if len(found) > 1:
            for name, batches in self._batches.items():
                own = self._means({name: batches.known}, found)
                logs |= {f"val_{name}_{metric}": value for metric, value in own.items()}
        logs |= {f"val_{metric}": value for metric, value in means.items()}

    def _means(
        self, known: dict[str, dict[str, int]], found: dict[str, dict[str, float]]
    ) -> dict[str, float]:
        """The means over several databases, weighted by their known labels; without metrics of
        labels that are unknown in all of them."""
        means = {"loss": next(iter(found.values()))["loss"]}  # the regularization loss
        for metric, (output, *others) in LABELLED.items():
            counts = [own[output] for own in known.values()]
            if others or not sum(counts):
                continue
            values = [found[name][metric] for name in known]
            means[metric] = float(np.dot(counts, values) / sum(counts))
        for output, weight in self._loss_weights.items():
            means["loss"] += weight * means.get(f"{output}_loss", 0.0)
        return means


class History(keras.callbacks.Callback):
    """Writes `history.csv` after every epoch, and its curves at most every ten seconds.

    Adds to the metrics of an epoch the learning rate, the training faces per second, and
    `data_wait`, the share of the time spent waiting for batches. `epochs` are the rows so far.

    Args:
        batches: of the training set.
        done: epochs of a resumed run, whose rows are kept.
    """

    def __init__(
        self, folder: Path, schedule: LearningRateSchedule, batches: FaceBatches, done: int = 0
    ):
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
        logs["learning_rate"] = float(self._schedule((epoch + 1) * len(self._batches) - 1))
        logs["faces_per_second"] = self._batches.faces / seconds
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
        for name, columns in _CURVES.items():
            with replacing(self._folder / name) as path:
                _plot(pd.DataFrame(self.epochs), columns, path)
        self._drawn = self._trained


def read_history(path: Path, epochs: int) -> list[dict[str, float]]:
    """The rows of the first `epochs` epochs of a history; `UserError` if it lacks one."""
    expected = f"the history of {epochs} epochs; restore it, or pass another --output_path"
    with wrap_read_errors(path, expected):
        history = pd.read_csv(path)[:epochs]
        if history["epoch"].tolist() != list(range(1, epochs + 1)):
            raise ValueError(f"{len(history)} rows")
        return history.astype({"val_loss": float}).to_dict("records")


class BestCheckpoints(keras.callbacks.Callback):
    """Saves `weights.{epoch}-{val_loss}.hdf5`, and the same file as `best.hdf5`, whenever the
    monitored metric improves.

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
            metrics = {name: float(value) for name, value in self.best.items()}
            description = replace(self._description, metrics=metrics | {"epoch": epoch + 1})
            with averaged(self.model):
                if is_first_host():
                    save_checkpoint(self.best_file, self.model, description)
                    _link(self.best_file, self.best_file.with_name(BEST))
        elif self.is_exhausted:
            patience = self._arguments.early_stopping
            print(f"early stopping: {self._arguments.monitor} did not improve in {patience} epochs")
            self.model.stop_training = True


class FiniteLoss(keras.callbacks.Callback):
    """Stops the run with a `UserError` if the loss becomes NaN or infinite.

    Keras's TerminateOnNaN would end it as if it were complete, after saving the epoch.
    """

    def on_train_batch_end(self, batch: int, logs: dict[str, float]) -> None:
        if batch % _CHECK_INTERVAL == 0:
            self._check(logs["loss"], f"step {batch + 1}")

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        self._check(logs["loss"], f"the end of epoch {epoch + 1}")
        self._check(logs["val_loss"], f"the validation of epoch {epoch + 1}")

    def _check(self, loss: float, where: str) -> None:
        if not math.isfinite(loss):
            raise UserError(
                f"the loss is {float(loss)} at {where}; pass a lower --lr, or --clip_norm; "
                "checkpoints of earlier epochs are kept"
            )


def _link(source: Path, target: Path) -> None:
    """Make `target` the same file as `source`, or a copy if the file system has no hard links."""
    with replacing(target) as partial:
        try:
            os.link(source, partial)
        except OSError:
            shutil.copyfile(source, partial)


def _plot(history: pd.DataFrame, columns: tuple[str, ...], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4 * len(columns), 3.5))
    for axes, column in zip(figure.subplots(1, len(columns)), columns, strict=True):
        for name, label in ((column, "training"), (f"val_{column}", "validation")):
            if name in history:  # without labels, there is no metric
                axes.plot(history["epoch"], history[name], marker=".", label=label)
        axes.set(xlabel="epoch", title=column)
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(path, format="png", dpi=100)
