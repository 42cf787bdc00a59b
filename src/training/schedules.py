"""How the learning rate changes over a run."""

import math

import keras
from keras import ops

SCHEDULES = ("step", "cosine")


class Schedule(keras.optimizers.schedules.LearningRateSchedule):
    """The rate of a step, counted from 0.

    "step" divides by 5 at 1/4, 1/2 and 3/4 of the epochs, as the original toolkit does and
    Zagoruyko & Komodakis (BMVC 2016) with other thirds. "cosine" falls from step to step to 0:
    Loshchilov & Hutter, ICLR 2017, https://arxiv.org/abs/1608.03983. Before either, the rate rises
    in a line over `warmup_epochs`: Goyal et al., 2017, https://arxiv.org/abs/1706.02677.
    """

    def __init__(
        self, name: str, rate: float, epochs: int, steps_per_epoch: int, warmup_epochs: float = 0
    ):
        super().__init__()
        self._name = name
        self._rate = rate
        self._epochs = epochs
        self._steps_per_epoch = steps_per_epoch
        self._warmup_epochs = warmup_epochs

    def __call__(self, step):
        step = ops.cast(step, "float32")
        if self._name == "step":
            epoch = ops.floor((step + 0.5) / self._steps_per_epoch)
            rate = self._rate / 5 ** ops.floor((epoch + 1e-3) * 4 / self._epochs)
        else:
            start = self._warmup_epochs * self._steps_per_epoch
            left = self._epochs * self._steps_per_epoch - start
            gone = ops.clip((step - start) / left, 0, 1)
            rate = self._rate * (1 + ops.cos(math.pi * gone)) / 2
        if not self._warmup_epochs:
            return rate
        risen = (step + 1) / (self._warmup_epochs * self._steps_per_epoch)
        return ops.where(risen < 1, self._rate * risen, rate)

    def of_epoch(self, epoch: int, step: int = 0) -> float:
        """The rate of a step of an epoch, both counted from 0."""
        return float(self(epoch * self._steps_per_epoch + step))

    def get_config(self) -> dict:
        return {
            "name": self._name,
            "rate": self._rate,
            "epochs": self._epochs,
            "steps_per_epoch": self._steps_per_epoch,
            "warmup_epochs": self._warmup_epochs,
        }
