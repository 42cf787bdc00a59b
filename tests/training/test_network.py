"""src/training/network.py: tracing, averaged weights."""

import keras
import numpy as np

from src.models.heads import twin_heads
from src.training.arguments import Arguments
from src.training.distribution import Devices
from src.training.network import compile_network
from src.training.optimizers import get_schedule

ONE = Devices(["cpu:0"])


def test_step_is_traced_once():
    """A trace of a large network takes seconds."""
    traces = []

    class Counted(keras.Model):
        def train_step(self, *args, **kwargs):
            traces.append(args)
            return super().train_step(*args, **kwargs)

    faces = keras.Input((2, 2, 3))
    model = Counted(faces, twin_heads(keras.layers.Flatten()(faces)))
    arguments = Arguments([])
    compile_network(ONE, model, arguments, get_schedule(arguments, 2))
    targets = np.full((8, 2), 0.5, "f4"), np.full((8, 101), 1 / 101, "f4")
    model.fit(
        np.ones((8, 2, 2, 3)), targets, sample_weight=(np.ones(8, "f4"),) * 2,
        batch_size=4, epochs=2, verbose=0,
    )  # fmt: skip
    assert len(traces) == 1
