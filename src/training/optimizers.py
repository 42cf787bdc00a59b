"""What moves the weights."""

import keras

OPTIMIZERS = ("sgd", "adam", "adamw")
DECAY = 0.05  # of adamw, a share of the learning rate


def get_optimizer(
    name: str,
    learning_rate: keras.optimizers.schedules.LearningRateSchedule | float,
    clip_norm: float | None = None,
    ema: float | None = None,
) -> keras.optimizers.Optimizer:
    """An optimizer, one of `OPTIMIZERS`.

    "sgd" has Nesterov's momentum of 0.9, as the original toolkit's. "adamw" decays kernels itself:
    Loshchilov & Hutter, ICLR 2019, https://arxiv.org/abs/1711.05101.
    clip_norm: what the norm of all gradients together is cut to.
    ema: momentum of the moving average of the weights that is kept beside them, `ema_weights`.
    """
    shared = {"global_clipnorm": clip_norm, "use_ema": ema is not None, "ema_momentum": ema or 0}
    if name == "sgd":
        return keras.optimizers.SGD(learning_rate, momentum=0.9, nesterov=True, **shared)
    if name == "adam":
        return keras.optimizers.Adam(learning_rate, **shared)
    optimizer = keras.optimizers.AdamW(learning_rate, weight_decay=DECAY, **shared)
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias", "alpha"])
    return optimizer


def drop_regularizers(model: keras.Model) -> None:
    """Take the L2 terms out of the model's loss, for an optimizer that decays weights itself."""
    for weight in model.trainable_weights:
        weight.regularizer = None
