"""Callbacks of a run: validation, files of every epoch, interrupts."""

import math
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from keras.optimizers.schedules import LearningRateSchedule

from ..errors import UserError
from ..files import replacing, wrap_read_errors
from ..models.checkpoints import save_checkpoint
from ..models.description import OUTPUTS, Description
from ..models.statistics import estimate_statistics
from .arguments import MONITORED, Arguments
from .batches import FaceBatches
from .distribution import is_first_host
from .metrics import METRICS
from .network import Evaluator, averaged
from .run import BEST, HISTORY
from .state import write_state

_CHECK_INTERVAL = 20  # steps; the loss is a mean over the epoch, which stays NaN
_DRAWING_INTERVAL = 10.0  # seconds between curves: drawing takes longer than a tiny epoch
_CURVES = {  # file: columns of the history, each with its `val_` counterpart
    "loss.png": ("loss", "pred_gender_loss", "pred_age_loss"),
    "accuracy.png": ("pred_gender_accuracy", "pred_age_top5", "pred_age_mae"),
}


class Validation(keras.callbacks.Callback):
    """Adds `val_{metric}` to the logs of every epoch, and `val_{database}_{metric}` if there are
    several databases: means over the faces with a known label, losses included.

    Args:
        evaluator: shares the layers of the model.
        batches: validation faces by database name.
        arguments: of the run.
        faces: batches of training faces, on which the statistics of batch normalizations are
            estimated if the optimizer averages the weights.

    Raises:
        UserError: a metric of --monitor has no validation face with a known label.
    """

    def __init__(
        self,
        evaluator: Evaluator,
        batches: dict[str, FaceBatches],
        arguments: Arguments,
        faces: Callable[[], Iterable[np.ndarray]] = tuple,
    ):
        super().__init__()
        self._evaluator, self._faces = evaluator, faces
        self._batches = {name: own for name, own in batches.items() if len(own)}
        self._known = pd.DataFrame(  # faces per metric and database
            {
                name: {metric: own.known[output] for metric, output in METRICS.items()}
                for name, own in self._batches.items()
            }
        )
        self._databases = {"val_": [*self._batches]}  # by prefix
        if len(self._batches) > 1:
            self._databases |= {f"val_{name}_": [name] for name in self._batches}
        weights = arguments.gender_weight, arguments.age_weight
        self._loss_weights = dict(zip(OUTPUTS, weights, strict=True))
        existing = set()
        for prefix, names in self._databases.items():
            known = self._known[names].any(axis=1)
            existing |= {f"{prefix}{metric}" for metric in ["loss", *known.index[known]]}
        if missing := sorted(arguments.monitor_weights.keys() - existing):
            raise UserError(
                f"--monitor: expected metrics of validation faces with a label, {missing[0]} is "
                f"none of {', '.join(sorted(existing))}"
            )

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        with averaged(self.model):
            if self.model.optimizer.use_ema:
                estimate_statistics(self.model, self._faces())
            found = {
                name: self._evaluator.evaluate(batches, verbose=0, return_dict=True)
                for name, batches in self._batches.items()
            }
        values = pd.DataFrame(found)
        penalty = values.loc["loss"].iloc[0]  # of kernels, the same in all databases
        for prefix, names in self._databases.items():
            known = self._known[names]
            sums = (values[names] * known).sum(axis=1)
            means = (sums / known.sum(axis=1)).dropna()  # no metric without a known label
            terms = [w * means.get(f"{name}_loss", 0.0) for name, w in self._loss_weights.items()]
            logs[f"{prefix}loss"] = float(penalty + sum(terms))
            logs |= {f"{prefix}{metric}": value for metric, value in means.to_dict().items()}


class Steps(keras.callbacks.Callback):
    """Adds the learning rate, the training faces per second, and `data_wait`, the share of the time
    spent waiting for batches, to the logs of every epoch.

    Raises Ctrl-C when a batch ends, as libraries sometimes swallow it within one or turn it into
    other errors; and `UserError` if the loss becomes NaN or infinite, while Keras's TerminateOnNaN
    would end the run as if it were complete, after saving the epoch.

    pressed: Ctrl-C, as `defer_sigint` yields it.
    """

    def __init__(self, schedule: LearningRateSchedule, batches: FaceBatches, pressed: list[bool]):
        super().__init__()
        self._schedule, self._batches, self._pressed = schedule, batches, pressed

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self._start, self._waited = time.perf_counter(), self._batches.waited

    def on_train_batch_end(self, batch: int, logs: dict[str, float]) -> None:
        self._end = time.perf_counter()  # before validation
        if self._pressed:
            self._pressed.clear()
            raise KeyboardInterrupt
        if batch % _CHECK_INTERVAL == 0:
            _check_finite(logs["loss"], f"step {batch + 1}")

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        _check_finite(logs["loss"], f"the end of epoch {epoch + 1}")
        _check_finite(logs["val_loss"], f"the validation of epoch {epoch + 1}")
        seconds = self._end - self._start
        logs["learning_rate"] = float(self._schedule((epoch + 1) * len(self._batches) - 1))
        logs["faces_per_second"] = self._batches.faces / seconds
        logs["data_wait"] = (self._batches.waited - self._waited) / seconds


def _check_finite(loss: float, position: str) -> None:
    if not math.isfinite(loss):
        raise UserError(
            f"the loss is {float(loss)} at {position}; pass a lower --lr, or --clip_norm; "
            "checkpoints of earlier epochs are kept"
        )


class EpochFiles(keras.callbacks.Callback):
    """Writes `history.csv`, its curves, at most every ten seconds, the best checkpoint, and
    `state.hdf5` after every epoch; stops the run as `--early_stopping` sets.

    Args:
        arguments: of the run.
        description: of its checkpoints, without metrics.
        digest: of its data, see `state.data_digest`.
        done: completed epochs of a resumed run, whose rows are kept.
    """

    def __init__(self, arguments: Arguments, description: Description, digest: str, done: int = 0):
        super().__init__()
        self._arguments, self._folder = arguments, arguments.output_path
        self._description, self._digest = description, digest
        self.epochs = read_history(self._folder / HISTORY, done) if done else []
        self._drawing_time = time.monotonic()

    def _monitored(self, epoch: dict[str, float]) -> float:
        """The weighted mean of the monitored metrics; lower is better."""
        weights = self._arguments.monitor_weights
        mean = sum(weight * epoch[name] for name, weight in weights.items()) / sum(weights.values())
        return -mean if MONITORED[self._arguments.monitored_metric] else mean

    @property
    def best(self) -> dict[str, float]:
        """The metrics of the best epoch so far, `epoch` counted from 1."""
        return min(self.epochs, key=self._monitored)

    @property
    def best_file(self) -> Path:
        """The checkpoint of the best epoch."""
        return self._folder / f"weights.{self.best['epoch']:02d}-{self.best['val_loss']:.2f}.hdf5"

    @property
    def is_exhausted(self) -> bool:
        """Whether early stopping ends the run after the last epoch."""
        patience, epochs = self._arguments.early_stopping, self.epochs
        return bool(patience and epochs) and len(epochs) - self.best["epoch"] >= patience

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        self.epochs.append({"epoch": epoch + 1, **logs})
        if is_first_host():
            with replacing(self._folder / HISTORY) as path:
                pd.DataFrame(self.epochs).to_csv(path, index=False)
            if time.monotonic() > self._drawing_time + _DRAWING_INTERVAL:
                self._draw_curves()
        if self.best["epoch"] == epoch + 1:
            with averaged(self.model):  # on all hosts
                if is_first_host():
                    self._save_best()
        if is_first_host():
            architecture = self._description.architecture
            write_state(self._folder, self.model, epoch + 1, self._digest, architecture)
        if self.is_exhausted:
            patience = self._arguments.early_stopping
            print(f"early stopping: {self._arguments.monitor} did not improve in {patience} epochs")
            self.model.stop_training = True

    def on_train_end(self, logs: dict | None = None) -> None:
        if is_first_host():
            self._draw_curves()

    def _save_best(self) -> None:
        metrics = {name: float(value) for name, value in self.best.items()}
        metrics["epoch"] = self.best["epoch"]
        save_checkpoint(self.best_file, self.model, replace(self._description, metrics=metrics))
        with replacing(self._folder / BEST) as path:
            shutil.copyfile(self.best_file, path)

    def _draw_curves(self) -> None:
        from matplotlib.figure import Figure

        history = pd.DataFrame(self.epochs).set_index("epoch")
        for file, columns in _CURVES.items():
            figure = Figure(figsize=(4 * len(columns), 3.5))
            for axes, column in zip(figure.subplots(1, len(columns)), columns, strict=True):
                for name, values in history.filter([column, f"val_{column}"]).items():
                    axes.plot(values, marker=".", label=name)
                axes.set(xlabel="epoch", title=column)
                axes.grid(alpha=0.3)
                axes.legend()
            with replacing(self._folder / file) as path:
                figure.savefig(path, format="png", dpi=100)
        self._drawing_time = time.monotonic()


def read_history(path: Path, epochs: int) -> list[dict[str, float]]:
    """The rows of the first `epochs` epochs of a history; `UserError` if it lacks one."""
    expected = f"the history of {epochs} epochs; restore it, or pass another --output_path"
    with wrap_read_errors(path, expected):
        history = pd.read_csv(path)[:epochs]
        if history["epoch"].tolist() != list(range(1, epochs + 1)):
            raise ValueError(f"{len(history)} rows")
        return history.astype({"val_loss": float}).to_dict("records")
