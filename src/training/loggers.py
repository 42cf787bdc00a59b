"""Logs to TensorBoard and Weights & Biases."""

import keras

from ..errors import UserError
from ..extras import library
from .arguments import Arguments

TENSORBOARD = "tensorboard"  # folder within the run's


def loggers(arguments: Arguments, run_id: str) -> list[keras.callbacks.Callback]:
    """Callbacks that log the metrics of every epoch.

    run_id: unique identifier of the run, the same when it is resumed.
    Raises `UserError` if a package is not installed, or without a login to Weights & Biases.
    """
    chosen = [_tensorboard(arguments)] if arguments.tensorboard else []
    return [*chosen, _wandb(arguments, run_id)] if arguments.wandb else chosen


def _tensorboard(arguments: Arguments) -> keras.callbacks.Callback:
    """Logs for `tensorboard --logdir {folder}/tensorboard`. Keras's callback needs TensorFlow."""
    summary = library("tensorboard.summary", "tensorboard")
    writer = summary.Writer(str(arguments.output_path / TENSORBOARD))

    def log(epoch: int, logs: dict[str, float]) -> None:
        for name, value in logs.items():
            writer.add_scalar(name, value, epoch + 1)
        writer.flush()

    return keras.callbacks.LambdaCallback(
        on_epoch_end=log, on_train_end=lambda logs: writer.close()
    )


def _wandb(arguments: Arguments, run_id: str) -> keras.callbacks.Callback:
    """Logs to a project of https://wandb.ai, or as WANDB_MODE sets."""
    wandb, folder = library("wandb"), arguments.output_path
    try:
        run = wandb.init(
            project=arguments.wandb,
            id=run_id,
            name=folder.name,
            resume="allow",
            dir=folder,
            config=arguments.as_json(),
        )
    except wandb.Error as error:
        reason = " ".join(str(error).split())
        raise UserError(f"--wandb: {reason}; try `wandb login`, or WANDB_MODE=offline") from error
    return keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: run.log(logs, step=epoch + 1),
        on_train_end=lambda logs: run.finish(),
    )
