"""The network of a run: what it starts from, minimises and is measured by."""

import keras
import numpy as np

from src.models import build_model
from src.models.transfer import freeze_until, initialised
from src.training.arguments import Arguments
from src.training.averaged import average_statistics
from src.training.devices import precision, use_xla
from src.training.distribution import Whole
from src.training.losses import age_loss, gender_loss
from src.training.metrics import metrics
from src.training.optimizers import drop_regularizers, get_optimizer
from src.training.schedules import Schedule


def get_network(arguments: Arguments, img_size: int, faces: np.ndarray) -> tuple[keras.Model, dict]:
    """The network to train and its architecture, with its initial weights.

    faces: uint8 (N, img_size, img_size, 3), BGR, some of the training faces, see `initialised`.
    """
    architecture = arguments.architecture
    with precision(arguments.mixed_precision):
        if arguments.init:
            model, architecture, said = initialised(architecture, img_size, arguments.init, faces)
            print(said, flush=True)
        else:
            model = build_model(architecture, img_size)
    if arguments.ema:
        average_statistics(model, arguments.ema)
    if arguments.freeze_until:
        frozen = freeze_until(model, arguments.freeze_until)
        print(f"{frozen} layers, up to {arguments.freeze_until}, stay as they are", flush=True)
    return model, architecture


def compile_network(
    spread: Whole, model: keras.Model, arguments: Arguments, schedule: Schedule
) -> None:
    """Tell the model what to minimise, how, and what to measure."""
    if arguments.opt == "adamw":
        drop_regularizers(model)
    spread.compile(
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
