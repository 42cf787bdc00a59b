"""The network of a run: initial weights, optimizer, learning rate schedule, compilation."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import keras
import numpy as np
from keras import ops

from ..models import build_model
from ..models.transfer import freeze_until, initialised
from .arguments import Arguments
from .distribution import SingleDevice, precision, use_xla
from .losses import age_loss, gender_loss
from .metrics import metrics

WEIGHT_DECAY = 0.05  # of adamw, as a share of the learning rate


def get_network(
    arguments: Arguments,
    img_size: int,
    faces: np.ndarray | None = None,
    resumed: dict | None = None,
) -> tuple[keras.Model, dict]:
    """The network to train, with its initial weights, and its architecture.

    faces: uint8 (N, img_size, img_size, 3), BGR, some of the training faces, see `initialised`.
    resumed: the architecture of the run to resume; its state replaces all weights, so --init is not
        read.
    """
    architecture = resumed or arguments.architecture
    with precision(arguments.mixed_precision):
        if arguments.init and not resumed:
            model, architecture, line = initialised(architecture, img_size, arguments.init, faces)
            print(line, flush=True)
        else:
            model = build_model(architecture, img_size)
    if arguments.ema:
        slow_statistics(model, arguments.ema)
    if arguments.freeze_until:
        frozen = freeze_until(model, arguments.freeze_until)
        print(f"{frozen} layers, up to {arguments.freeze_until}, are frozen", flush=True)
    return model, architecture


def compile_network(
    device: SingleDevice, model: keras.Model, arguments: Arguments, schedule: "Schedule"
) -> None:
    """Compile the model with the losses, optimizer and metrics of a run."""
    if arguments.opt == "adamw":
        drop_regularizers(model)
    device.compile(
        model,
        optimizer=get_optimizer(arguments.opt, schedule, arguments.clip_norm, arguments.ema),
        loss={
            "pred_gender": gender_loss(arguments.loss, arguments.label_smoothing),
            "pred_age": age_loss(arguments.age_loss, arguments.loss, arguments.label_smoothing),
        },
        loss_weights={
            "pred_gender": arguments.gender_weight,
            "pred_age": arguments.age_weight,
        },
        metrics=metrics(),
        jit_compile=use_xla(),
    )


def get_optimizer(
    name: str,
    learning_rate: keras.optimizers.schedules.LearningRateSchedule | float,
    clip_norm: float | None = None,
    ema: float | None = None,
) -> keras.optimizers.Optimizer:
    """An optimizer: "sgd", "adam" or "adamw".

    "sgd" has a Nesterov momentum of 0.9, as in the original toolkit. "adamw" decouples the weight
    decay of kernels: Loshchilov & Hutter, ICLR 2019, https://arxiv.org/abs/1711.05101.
    clip_norm: maximum global gradient norm.
    ema: momentum of the moving average of the weights, see `averaged`.
    """
    shared = {"global_clipnorm": clip_norm, "use_ema": ema is not None, "ema_momentum": ema or 0}
    if name == "sgd":
        return keras.optimizers.SGD(learning_rate, momentum=0.9, nesterov=True, **shared)
    if name == "adam":
        return keras.optimizers.Adam(learning_rate, **shared)
    optimizer = keras.optimizers.AdamW(learning_rate, weight_decay=WEIGHT_DECAY, **shared)
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias", "alpha"])
    return optimizer


def drop_regularizers(model: keras.Model) -> None:
    """Remove the L2 terms from the model's loss, for an optimizer with its own weight decay."""
    for weight in model.trainable_weights:
        weight.regularizer = None


def slow_statistics(model: keras.Model, momentum: float) -> None:
    """Make batch normalizations average over as many steps as the EMA of the weights does.

    Their means and variances would otherwise be those of the last weights, not of the average.
    To be called before the model is compiled.
    """
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = max(layer.momentum, momentum)


@contextmanager
def averaged(model: keras.Model) -> Iterator[None]:
    """Use the averaged weights within the block, if the optimizer keeps an EMA.

    They predict better than the last weights while the learning rate is high: Polyak & Juditsky,
    SIAM J. Control Optim. 1992.
    """
    if not model.optimizer.use_ema:
        yield
        return
    swap = keras.callbacks.SwapEMAWeights()
    swap.set_model(model)
    swap.on_test_begin()
    try:
        yield
    finally:
        swap.on_test_end()


@dataclass(frozen=True, eq=False)
class Schedule(keras.optimizers.schedules.LearningRateSchedule):
    """Learning rate per step, counted from 0.

    "step" divides by 5 at 1/4, 1/2 and 3/4 of the epochs, as the original toolkit does, and
    Zagoruyko & Komodakis (BMVC 2016) at other points. "cosine" decays to 0 per step: Loshchilov &
    Hutter, ICLR 2017, https://arxiv.org/abs/1608.03983. Both start with a linear warm-up over
    `warmup_epochs`: Goyal et al., 2017, https://arxiv.org/abs/1706.02677.
    """

    name: str
    rate: float
    epochs: int
    steps_per_epoch: int
    warmup_epochs: float = 0

    def __call__(self, step):
        step = ops.cast(step, "float32")
        if self.name == "step":
            epoch = ops.floor((step + 0.5) / self.steps_per_epoch)
            rate = self.rate / 5 ** ops.floor((epoch + 1e-3) * 4 / self.epochs)
        else:
            start = self.warmup_epochs * self.steps_per_epoch
            rest = self.epochs * self.steps_per_epoch - start
            progress = ops.clip((step - start) / rest, 0, 1)
            rate = self.rate * (1 + ops.cos(math.pi * progress)) / 2
        if not self.warmup_epochs:
            return rate
        warm = (step + 1) / (self.warmup_epochs * self.steps_per_epoch)
        return ops.where(warm < 1, self.rate * warm, rate)

    def of_epoch(self, epoch: int, step: int = 0) -> float:
        """The rate of a step of an epoch, both counted from 0."""
        return float(self(epoch * self.steps_per_epoch + step))

    def get_config(self) -> dict:
        return asdict(self)
