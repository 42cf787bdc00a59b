"""The network of a run: initial weights, losses, compilation."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras
import numpy as np
from keras import ops
from keras.optimizers.schedules import LearningRateSchedule

from ..models import build_model
from ..models.transfer import freeze_until, initialised
from .arguments import Arguments
from .distribution import Devices
from .losses import get_losses
from .metrics import training_metrics, validation_metrics
from .optimizers import get_optimizer, set_rates


def get_network(
    arguments: Arguments,
    img_size: int,
    faces: np.ndarray | None = None,
    resumed: dict | None = None,
) -> tuple[keras.Model, dict]:
    """The network to train, with its initial weights, and its architecture.

    In mixed precision its layers compute in bfloat16, which has float32's range, so that the loss
    needs no scaling: Micikevicius et al., ICLR 2018, https://arxiv.org/abs/1710.03740.

    faces: uint8 (N, img_size, img_size, 3), BGR, some of the training faces, see `initialised`.
    resumed: the architecture of the run to resume; its state replaces all weights, so --init is not
        read.
    """
    architecture, before = resumed or arguments.architecture, keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16" if arguments.mixed_precision else before)
    try:
        if arguments.init and not resumed:
            model, architecture, line = initialised(architecture, img_size, arguments.init, faces)
            print(line, flush=True)
        else:
            model = build_model(architecture, img_size)
    finally:
        keras.config.set_dtype_policy(before)
    if arguments.freeze_until:
        frozen = freeze_until(model, arguments.freeze_until)
        print(f"{frozen} layers, up to {arguments.freeze_until}, are frozen", flush=True)
    return model, architecture


def compile_network(
    devices: Devices, model: keras.Model, arguments: Arguments, schedule: LearningRateSchedule
) -> None:
    """Compile the model with the losses, optimizer and metrics of a run."""
    is_tensorflow = keras.backend.backend() == "tensorflow"
    if is_tensorflow and devices.are_many:
        for layer in model.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.synchronized = True  # means and variances of the whole batch
    set_rates(model, arguments)
    model.compile(
        optimizer=get_optimizer(arguments, schedule),
        loss=get_losses(arguments),
        loss_weights=[arguments.gender_weight, arguments.age_weight],
        weighted_metrics=training_metrics(arguments.mixes_labels),
        jit_compile=devices.use_xla,
    )
    if is_tensorflow and not devices.are_many:
        _create_variables(model)


def _create_variables(model: keras.Model) -> None:
    """Create the variables of optimizer and losses: TensorFlow traces a step that does so twice."""
    model.optimizer.build(model.trainable_variables)
    outputs = [np.full((1, *output.shape[1:]), 0.5, np.float32) for output in model.outputs]
    model.compute_loss(y=outputs, y_pred=outputs)
    model.reset_metrics()


class Evaluator(keras.Model):
    """A network whose losses are metrics, so that they are exact means over labelled faces.

    Its "loss" is the regularization loss alone.
    """

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return super().compute_loss() if self.losses else ops.zeros(())


def get_evaluator(devices: Devices, model: keras.Model, arguments: Arguments) -> Evaluator:
    """A network with the layers of `model`, for `evaluate`."""
    evaluator = Evaluator(model.inputs, model.outputs)
    metrics = validation_metrics(get_losses(arguments))
    evaluator.compile(weighted_metrics=metrics, jit_compile=devices.use_xla)
    return evaluator


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
