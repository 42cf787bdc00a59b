"""What a run needs to go on as if it had never stopped.

`state.hdf5` holds every variable of model and optimizer after an epoch: weights, moments, moving
averages, step, and the random states of dropout. Batches need none: each draws by seed, epoch and
number. History and arguments are in their own files.
"""

from pathlib import Path

import h5py
import keras
import numpy as np

from src.errors import UserError
from src.files import replacing_hdf5
from src.training.hosts import is_first_host

STATE = "state.hdf5"


class SavedState(keras.callbacks.Callback):
    """Writes `state.hdf5` after every epoch, the last callback of all."""

    def __init__(self, folder: Path, faces: int):
        """faces: how many are trained on, by which a resumed run is checked."""
        super().__init__()
        self._path = folder / STATE
        self._faces = faces

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if not is_first_host():
            return
        with replacing_hdf5(self._path) as file:
            file.attrs["epochs"], file.attrs["faces"] = epoch + 1, self._faces
            for number, variable in enumerate(_variables(self.model)):
                file[str(number)] = keras.ops.convert_to_numpy(variable)


def restore(folder: Path, model: keras.Model, faces: int) -> int:
    """Give a compiled model the state that a run left in `folder`; returns the epochs it had done.

    0 where the run had not ended one. Raises `UserError` where the state does not fit the model, or
    is of a run on another number of faces.
    """
    path = folder / STATE
    if not path.exists():
        return 0
    model.optimizer.build(model.trainable_variables)
    variables = _variables(model)
    try:
        with h5py.File(path) as file:
            values = [file[str(number)][()] for number in range(len(file))]
            epochs, expected = int(file.attrs["epochs"]), int(file.attrs["faces"])
    except (OSError, KeyError) as error:
        raise UserError(f"{path}: expected the state of a run: {error}") from error
    shapes = [np.shape(value) for value in values]
    if shapes != [tuple(variable.shape) for variable in variables]:
        raise UserError(f"{path}: expected the state of {model.name}, found another network's")
    if faces != expected:
        raise UserError(
            f"--resume: expected the {expected:,} faces that the run in {folder} was started with, "
            f"received {faces:,}; give the same --input"
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
    return epochs


def _variables(model: keras.Model) -> list:
    """All that changes from step to step, but for metrics, which begin anew with every epoch."""
    metrics = {id(variable) for variable in model.metrics_variables}
    own = [variable for variable in model.variables if id(variable) not in metrics]
    return own + list(model.optimizer.variables)
