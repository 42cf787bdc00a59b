"""Ctrl-C during a run."""

from contextlib import ExitStack

import keras

from src.files import uninterrupted


class BetweenBatches(keras.callbacks.Callback):
    """As a context, lets Ctrl-C wait until a batch ends.

    Within one the libraries swallow it now and then, or make an error of their own of it.
    """

    def __enter__(self) -> "BetweenBatches":
        self._hold()
        return self

    def __exit__(self, *_) -> None:
        self._held.close()

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self._held.close()  # here it strikes
        self._hold()

    def on_test_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self.on_train_batch_end(batch)

    def _hold(self) -> None:
        self._held = ExitStack()
        self._held.enter_context(uninterrupted())
