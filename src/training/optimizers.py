"""Optimizers and learning rate schedules."""

import math

import keras
from keras import ops
from keras.optimizers.schedules import CosineDecay, LearningRateSchedule, PiecewiseConstantDecay

from .arguments import Arguments

WEIGHT_DECAY = 0.05  # of adamw
_NOT_DECAYED = ("gamma", "beta", "bias", "alpha")


class _PerVariable:
    """Mixin of optimizers: learning rate factors, decay of kernels, warm-up of the EMA.

    Keras's decay would ignore the factors, and its EMA averages over as many steps at the start as
    at the end, so that short runs would keep their initial weights.

    Args:
        decay: decoupled weight decay, as a share of the learning rate.
        factors: of the learning rate, by path of the variable.
    """

    def __init__(self, *args, decay: float = 0.0, factors: dict[str, float] | None = None, **kw):
        super().__init__(*args, **kw)
        self._decay, self._factor_by_path = decay, factors or {}

    def build(self, variables) -> None:
        super().build(variables)
        self._factors = [self._factor_by_path.get(variable.path, 1.0) for variable in variables]
        self._decays = [
            0.0 if any(part in variable.name for part in _NOT_DECAYED) else self._decay
            for variable in variables
        ]

    def update_step(self, gradient, variable, learning_rate) -> None:
        index = self._get_variable_index(variable)
        learning_rate = ops.cast(learning_rate, variable.dtype) * self._factors[index]
        if self._decays[index]:
            self.assign_sub(variable, variable * (learning_rate * self._decays[index]))
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
    """Adam per variable; AdamW with `decay`."""


def get_optimizer(
    arguments: Arguments,
    learning_rate: LearningRateSchedule | float,
    factors: dict[str, float] | None = None,
) -> keras.optimizers.Optimizer:
    """The optimizer of a run.

    "sgd" has a Nesterov momentum of 0.9, as in the original toolkit; "adamw" decouples the weight
    decay of kernels: Loshchilov & Hutter, ICLR 2019, https://arxiv.org/abs/1711.05101. The weight
    decay of the other optimizers is `network.set_penalty`.

    learning_rate: per step.  factors: of the learning rate, by path of the variable.
    """
    accumulate, decay = arguments.accumulate, arguments.weight_decay
    options = {
        "global_clipnorm": arguments.clip_norm,
        "use_ema": arguments.ema is not None,
        "ema_momentum": arguments.ema or 0,
        "gradient_accumulation_steps": accumulate if accumulate > 1 else None,
        "factors": factors,
    }
    if arguments.opt == "sgd":
        return SGD(learning_rate, momentum=0.9, nesterov=True, **options)
    if arguments.opt == "adamw":
        options["decay"] = WEIGHT_DECAY if decay is None else decay
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
