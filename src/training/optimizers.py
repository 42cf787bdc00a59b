"""Optimizers and learning rate schedules."""

import math

import keras
from keras import ops
from keras.optimizers.schedules import CosineDecay, LearningRateSchedule, PiecewiseConstantDecay

from ..models import NETWORKS
from ..models.heads import in_head
from .arguments import Arguments

WEIGHT_DECAY = 0.05  # of adamw
PENALTY = 5e-4  # of kernels of our networks, as in the original toolkit


def set_rates(model: keras.Model, arguments: Arguments) -> None:
    """Set the learning rate factor of all weights, `rate_factor`, and the weight decay of kernels.

    `decay` is decoupled, as a share of the learning rate, for "adamw"; for the other optimizers an
    L2 penalty, `regularizer`, is the decay times the sum of squares.
    """
    is_decoupled, decay = arguments.opt == "adamw", arguments.weight_decay
    if decay is None and not is_decoupled:
        decay = PENALTY if arguments.arch in NETWORKS else 0.0
    elif decay is None:
        decay = WEIGHT_DECAY
    for layer in model.layers:
        for weight in layer.trainable_weights:
            is_decayed = "kernel" in weight.name and decay > 0
            weight.rate_factor = 1.0 if in_head(layer) else arguments.backbone_lr
            weight.decay = decay if is_decayed and is_decoupled else 0.0
            is_penalized = is_decayed and not is_decoupled
            weight.regularizer = keras.regularizers.L2(decay) if is_penalized else None


class _PerVariable:
    """Mixin of optimizers: learning rates and decay of `set_rates`, warm-up of the EMA.

    Keras's decay would ignore the factors, and its EMA averages over as many steps at the start as
    at the end, so that short runs would keep their initial weights.
    """

    def update_step(self, gradient, variable, learning_rate) -> None:
        # TensorFlow's strategies pass their own variable.
        own = self._trainable_variables[self._get_variable_index(variable)]
        learning_rate = ops.cast(learning_rate, variable.dtype) * own.rate_factor
        if own.decay:
            self.assign_sub(variable, variable * (learning_rate * own.decay))
        super().update_step(gradient, variable, learning_rate)

    @property
    def ema_momentum(self):
        """Momentum at this step: at most (1 + t) / (10 + t), as in TensorFlow's
        ExponentialMovingAverage with num_updates; its root if gradients are accumulated, as Keras
        averages after every batch."""
        step = ops.cast(self.iterations, "float32")
        momentum = ops.minimum(self._ema_momentum, (1 + step) / (10 + step))
        return momentum ** (1 / (self.gradient_accumulation_steps or 1))

    @ema_momentum.setter
    def ema_momentum(self, momentum: float) -> None:
        self._ema_momentum = momentum


class SGD(_PerVariable, keras.optimizers.SGD):
    """SGD per variable."""


class Adam(_PerVariable, keras.optimizers.Adam):
    """Adam per variable."""


def get_optimizer(
    arguments: Arguments, learning_rate: LearningRateSchedule | float
) -> keras.optimizers.Optimizer:
    """The optimizer of a run, for weights with the options of `set_rates`.

    "sgd" has a Nesterov momentum of 0.9, as in the original toolkit; "adamw" decouples the weight
    decay of kernels: Loshchilov & Hutter, ICLR 2019, https://arxiv.org/abs/1711.05101.

    learning_rate: per step.
    """
    options = {
        "global_clipnorm": arguments.clip_norm,
        "use_ema": arguments.ema is not None,
        "ema_momentum": arguments.ema or 0,
        "gradient_accumulation_steps": arguments.accumulate if arguments.accumulate > 1 else None,
    }
    if arguments.opt == "sgd":
        return SGD(learning_rate, momentum=0.9, nesterov=True, **options)
    return Adam(learning_rate, **options)


class WarmUp(LearningRateSchedule):
    """Linear warm-up over the first steps, then another schedule.

    Goyal et al., "Accurate, large minibatch SGD", 2017, https://arxiv.org/abs/1706.02677.
    """

    def __init__(self, rate: float, steps: int, then: LearningRateSchedule):
        self._rate, self._steps, self._then = rate, steps, then

    def __call__(self, step):
        warm = (ops.cast(step, "float32") + 1) / max(self._steps, 1)
        after = self._then(ops.maximum(step - self._steps, 0))
        return ops.where(step < self._steps, self._rate * warm, after)


def get_schedule(arguments: Arguments, steps_per_epoch: int) -> LearningRateSchedule:
    """Learning rate per step, counted from 0, after a linear warm-up.

    "step" divides by 5 after 1/4, 1/2 and 3/4 of the remaining epochs, at the start of an epoch, as
    the original toolkit does, and Zagoruyko & Komodakis (BMVC 2016) at other points. "cosine"
    decays to 0 per step: Loshchilov & Hutter, ICLR 2017, https://arxiv.org/abs/1608.03983.
    """
    rate, epochs, warmup = arguments.lr, arguments.nb_epochs, arguments.warmup_epochs
    warm_up = round(warmup * steps_per_epoch)
    if arguments.schedule == "cosine":
        decay = CosineDecay(rate, max(epochs * steps_per_epoch - warm_up, 1))
    else:
        starts = [math.ceil(warmup + (epochs - warmup) * n / 4 - 1e-9) for n in (1, 2, 3)]
        # Keras divides after the step of a boundary.
        boundaries = [start * steps_per_epoch - warm_up - 1 for start in starts]
        decay = PiecewiseConstantDecay(boundaries, [rate / 5**part for part in range(4)])
    return WarmUp(rate, warm_up, decay)
