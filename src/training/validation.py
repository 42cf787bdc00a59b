"""What a run reaches on the faces that it is not trained on."""

import keras
import numpy as np

from src.training.averaged import averaged
from src.training.generators import FaceBatches


class Validation(keras.callbacks.Callback):
    """Adds `val_{figure}` after every epoch, and `val_{name}_{figure}` where parts are several.

    parts: batches by the name of the database that they are from. The figures of all follow from
        those of the parts, each by the faces whose label it is about.
    """

    def __init__(self, parts: dict[str, FaceBatches]):
        super().__init__()
        self._parts = {name: batches for name, batches in parts.items() if len(batches)}

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        with averaged(self.model):
            figures = {
                name: self.model.evaluate(batches, verbose=0, return_dict=True)
                for name, batches in self._parts.items()
            }
        if len(figures) > 1:
            for name, part in figures.items():
                logs |= {f"val_{name}_{figure}": value for figure, value in part.items()}
        for figure in next(iter(figures.values())):
            counts = [batches.count(figure) for batches in self._parts.values()]
            values = [part[figure] for part in figures.values()]
            logs[f"val_{figure}"] = float(np.dot(counts, values) / max(sum(counts), 1))
