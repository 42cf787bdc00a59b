"""The state of a run, for resuming.

`state.hdf5` stores every variable of model and optimizer after an epoch: weights, moments, moving
averages, step, and the random states of dropout. Batches need no state: each draws from seed, epoch
and number. History and arguments have their own files.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import h5py
import keras
import numpy as np

from ..data.database import Database
from ..errors import UserError
from ..files import replacing_hdf5, wrap_read_errors
from .hosts import is_first_host
from .run import STATE


@dataclass(frozen=True)
class State:
    """The state of a run after `epochs` epochs.

    data: `data_digest`.  architecture: as checkpoints store it.  values: the variables, in order.
    """

    path: Path
    epochs: int
    data: str
    architecture: dict
    values: list[np.ndarray]

    def check(self, data: str) -> None:
        """Raise `UserError` unless the run began with these data."""
        if self.data != data:
            raise UserError(
                "--resume: expected the faces, labels, crop and split that the run of "
                f"{self.path} began with, received other data; pass the same --input, or another "
                "--output_path"
            )

    def restore(self, model: keras.Model) -> None:
        """Set all variables of a compiled model; `UserError` if they do not fit."""
        model.optimizer.build(model.trainable_variables)
        variables = _variables(model)
        shapes = [np.shape(value) for value in self.values]
        if shapes != [tuple(variable.shape) for variable in variables]:
            raise UserError(
                f"{self.path}: expected the state of {model.name}, found that of another network"
            )
        for variable, value in zip(variables, self.values, strict=True):
            variable.assign(value)


def data_digest(databases: list[Database], rows: dict[str, np.ndarray]) -> str:
    """SHA-256 of a run's data: identities, labels, crop, rows per part."""
    digest = hashlib.sha256()
    for database in databases:
        digest.update(repr(database.crop).encode())
        for column in (database.gender, database.age_low, database.age_high):
            digest.update(np.ascontiguousarray(column, np.float64).tobytes())
        digest.update(database.identities.tobytes())
    for part in rows.values():
        digest.update(part.astype(np.int64).tobytes() + b"|")
    return digest.hexdigest()


def read_state(folder: Path) -> State | None:
    """The state in a run's folder, None before its first epoch ends.

    Raises `UserError` if the file is damaged.
    """
    path = folder / STATE
    if not path.exists():
        return None
    expected = "the state of a run; restore it, or pass another --output_path"
    with wrap_read_errors(path, expected), h5py.File(path) as file:
        return State(
            path=path,
            epochs=int(file.attrs["epochs"]),
            data=str(file.attrs["data"]),
            architecture=json.loads(file.attrs["architecture"]),
            values=[file[str(number)][()] for number in range(len(file))],
        )


class SavedState(keras.callbacks.Callback):
    """Writes `state.hdf5` after every epoch, as the last of all callbacks."""

    def __init__(self, folder: Path, data: str, architecture: dict):
        super().__init__()
        self._path = folder / STATE
        self._attributes = {"data": data, "architecture": json.dumps(architecture)}

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if not is_first_host():
            return
        with replacing_hdf5(self._path) as file:
            file.attrs.update(self._attributes | {"epochs": epoch + 1})
            for number, variable in enumerate(_variables(self.model)):
                file[str(number)] = keras.ops.convert_to_numpy(variable)


def _variables(model: keras.Model) -> list:
    """All variables that change between steps, except metrics, which restart with every epoch."""
    metrics = {id(variable) for variable in model.metrics_variables}
    own = [variable for variable in model.variables if id(variable) not in metrics]
    return own + list(model.optimizer.variables)
