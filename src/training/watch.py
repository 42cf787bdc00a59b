"""Runs watched elsewhere: TensorBoard, Weights & Biases."""

from pathlib import Path

import keras

from src.errors import UserError

TENSORBOARD = "tensorboard"  # folder within the run's


class TensorBoard(keras.callbacks.Callback):
    """Writes every epoch's figures for `tensorboard --logdir {folder}/tensorboard`.

    Raises `UserError` where the package is not installed.
    """

    def __init__(self, folder: Path):
        super().__init__()
        try:
            from tensorboard.summary import Writer
        except ImportError as error:
            raise UserError("--tensorboard needs a package; pip install tensorboard") from error
        self._writer = Writer(str(folder / TENSORBOARD))

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        for name, value in logs.items():
            self._writer.add_scalar(name, value, epoch + 1)
        self._writer.flush()

    def on_train_end(self, logs: dict | None = None) -> None:
        self._writer.close()


class WeightsAndBiases(keras.callbacks.Callback):
    """Sends every epoch's figures to a project of https://wandb.ai, or as WANDB_MODE says.

    Raises `UserError` where the package is not installed or not logged in.
    """

    def __init__(self, project: str, folder: Path, arguments: dict):
        super().__init__()
        try:
            import wandb
        except ImportError as error:
            raise UserError("--wandb needs a package; pip install wandb") from error
        try:
            self._run = wandb.init(
                project=project,
                id=folder.name,
                resume="allow",
                dir=folder,
                config=arguments,
            )
        except wandb.Error as error:
            said = " ".join(str(error).split())
            raise UserError(f"--wandb: {said}; try `wandb login`, or WANDB_MODE=offline") from error

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        self._run.log(logs, step=epoch + 1)

    def on_train_end(self, logs: dict | None = None) -> None:
        self._run.finish()
