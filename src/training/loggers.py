"""Logs to TensorBoard and Weights & Biases."""

from pathlib import Path

import keras

from ..errors import UserError
from ..extras import library
from .arguments import Arguments

TENSORBOARD = "tensorboard"  # folder within the run's


def loggers(arguments: Arguments, run_id: str) -> list[keras.callbacks.Callback]:
    """The loggers of a run.

    run_id: unique identifier of the run, the same when it is resumed.
    """
    chosen: list[keras.callbacks.Callback] = []
    if arguments.tensorboard:
        chosen.append(TensorBoard(arguments.output_path))
    if arguments.wandb:
        values = arguments.as_json()
        chosen.append(WeightsAndBiases(arguments.wandb, arguments.output_path, run_id, values))
    return chosen


class TensorBoard(keras.callbacks.Callback):
    """Writes the metrics of every epoch for `tensorboard --logdir {folder}/tensorboard`.

    Raises `UserError` if the package is not installed.
    """

    def __init__(self, folder: Path):
        super().__init__()
        summary = library("tensorboard.summary", "tensorboard")
        self._writer = summary.Writer(str(folder / TENSORBOARD))

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        for name, value in logs.items():
            self._writer.add_scalar(name, value, epoch + 1)
        self._writer.flush()

    def on_train_end(self, logs: dict | None = None) -> None:
        self._writer.close()


class WeightsAndBiases(keras.callbacks.Callback):
    """Sends the metrics of every epoch to a project of https://wandb.ai, or as WANDB_MODE sets.

    Raises `UserError` if the package is not installed or not logged in.
    """

    def __init__(self, project: str, folder: Path, run_id: str, arguments: dict):
        super().__init__()
        wandb = library("wandb")
        try:
            self._run = wandb.init(
                project=project,
                id=run_id,
                name=folder.name,
                resume="allow",
                dir=folder,
                config=arguments,
            )
        except wandb.Error as error:
            reason = " ".join(str(error).split())
            raise UserError(
                f"--wandb: {reason}; try `wandb login`, or WANDB_MODE=offline"
            ) from error

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        self._run.log(logs, step=epoch + 1)

    def on_train_end(self, logs: dict | None = None) -> None:
        self._run.finish()
