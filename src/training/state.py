"""The state of a run, for resuming.

`state.hdf5` stores every variable of model and optimizer after an epoch: weights, moments, moving
averages, step, and the random states of dropout. Batches need no state: each draws from seed, epoch
and index. History and arguments have their own files.
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
from .run import STATE


@dataclass(frozen=True)
class State:
    """The state of a run after `epochs` epochs."""

    path: Path
    epochs: int
    architecture: dict  # as checkpoints store it
    values: list[np.ndarray]  # of the variables, in order

    def restore(self, model: keras.Model) -> None:
        """Set all variables of a compiled model; `UserError` if they do not fit."""
        model.optimizer.build(model.trainable_variables)
        with wrap_read_errors(self.path, f"the state of {model.name}"):
            for variable, value in zip(_variables(model), self.values, strict=True):
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


def read_state(folder: Path, digest: str) -> State | None:
    """The state in a run's folder, None before its first epoch ends.

    Raises `UserError` if the file is damaged, or the run began with data of another digest.
    """
    path = folder / STATE
    if not path.exists():
        return None
    expected = "the state of a run; restore it, or pass another --output_path"
    with wrap_read_errors(path, expected), h5py.File(path) as file:
        if file.attrs["data"] != digest:
            raise UserError(
                "--resume: expected the faces, labels, crop and split that the run of "
                f"{path} began with, received other data; pass the same --input, or another "
                "--output_path"
            )
        architecture = json.loads(file.attrs["architecture"])
        values = [file[str(index)][()] for index in range(len(file))]
        return State(path, int(file.attrs["epochs"]), architecture, values)


def write_state(
    folder: Path, model: keras.Model, epochs: int, digest: str, architecture: dict
) -> None:
    """Write the state of a run after `epochs` epochs, atomically; see `State`."""
    with replacing_hdf5(folder / STATE) as file:
        attributes = {"data": digest, "architecture": json.dumps(architecture), "epochs": epochs}
        file.attrs.update(attributes)
        for index, variable in enumerate(_variables(model)):
            file[str(index)] = keras.ops.convert_to_numpy(variable)


def _variables(model: keras.Model) -> list:
    """All variables that change between steps, except metrics, which restart with every epoch."""
    metrics = {id(variable) for variable in model.metrics_variables}
    own = [variable for variable in model.variables if id(variable) not in metrics]
    return own + list(model.optimizer.variables)
