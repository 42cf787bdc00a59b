"""The folder of a run, which no other run may overwrite."""

import json

import keras
import numpy as np

from src import __version__
from src.data.database import Database
from src.errors import UserError
from src.files import check_folder, replacing
from src.training.arguments import ARGUMENTS, Arguments
from src.training.history import HISTORY
from src.training.hosts import check_agreed
from src.training.state import STATE


def check_run(arguments: Arguments) -> None:
    """Raise `UserError` where the folder holds a run that is not to be resumed, or not so."""
    folder = arguments.output_path
    noted = folder / ARGUMENTS
    if arguments.resume and noted.exists():
        arguments.check_same(json.loads(noted.read_text()))
    elif any(folder.glob("weights.*.hdf5")) or (folder / HISTORY).exists():
        raise UserError(
            f"--output_path: expected a folder without a run, {folder} holds one; "
            "name another, move that run away, or go on with it by --resume"
        )


def check_hosts(arguments: Arguments, database: Database, rows: np.ndarray) -> None:
    """Raise `UserError` unless all hosts are about to do the same."""
    state = arguments.output_path / STATE
    said = arguments.as_json()
    del said["input"], said["output_path"]  # folders may have other names elsewhere
    labels = (database.gender, database.age_low, database.age_high, rows)
    content = [json.dumps(said).encode(), *(part.tobytes() for part in labels)]
    check_agreed(b"".join([*content, state.read_bytes() if state.exists() else b""]))


def start_run(arguments: Arguments) -> None:
    """Make the run's folder and note its arguments there."""
    folder = arguments.output_path
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--output_path: {folder} could not be made: {error.strerror}") from error
    check_folder(folder)
    about = {"version": __version__, "backend": keras.backend.backend()}
    with replacing(folder / ARGUMENTS) as path:
        path.write_text(json.dumps(about | arguments.as_json(), indent=2) + "\n")
