"""One training run, from a database to checkpoints."""

import json
import sys
from pathlib import Path

import keras
import numpy as np

from src import __version__
from src.data.database import Database, open_database
from src.data.joined import join
from src.errors import UserError
from src.files import check_folder, replacing
from src.models import build_model
from src.models.checkpoints import ORIGINAL_MARGIN, Description
from src.models.wide_resnet import check_depth
from src.training.generators import FaceBatches
from src.training.history import HISTORY, BestCheckpoints, FiniteLoss, History, ValidatedByPart
from src.training.interrupt import BetweenBatches
from src.training.metrics import metrics
from src.training.schedules import steps
from src.training.split import rows_by_part, split

LEARNING_RATES = {"sgd": 0.1, "adam": 0.001}
ARGUMENTS = "arguments.json"


def train(
    input: list[Path],
    output_path: Path,
    batch_size: int = 32,
    nb_epochs: int = 30,
    lr: float | None = None,
    opt: str = "sgd",
    depth: int = 16,
    width: int = 8,
    validation_split: float = 0.1,
    split_by: str = "random",
    aug: bool = False,
    seed: int = 0,
) -> Path:
    """Train a WideResNet on databases; returns the best checkpoint it saved.

    lr: `LEARNING_RATES` of `opt` where None.
    `output_path` receives `weights.*.hdf5`, `history.csv`, `loss.png`, `accuracy.png` and
    `arguments.json`. Raises `UserError` for what a person can fix.
    """
    arguments = {"version": __version__, "backend": keras.backend.backend(), **locals()}
    check_depth(depth)
    if not 0 <= seed < 2**32:
        raise UserError(f"--seed: expected 0 to {2**32 - 1}, received {seed}")
    parts = [open_database(path) for path in input]
    database = join(parts)
    if len({part.margin for part in parts}) > 1:
        margins = ", ".join(f"{part.path.name} {part.margin:g}" for part in parts)
        print(f"margins differ ({margins}): the checkpoint says {database.margin:g}", flush=True)
    training_rows, validation_rows = split(database, validation_split, split_by, seed)
    lr = arguments["lr"] = lr or LEARNING_RATES[opt]
    _start_folder(output_path, arguments)

    with BetweenBatches() as interruptible:
        keras.utils.set_random_seed(seed)
        architecture = {"name": "wide_resnet", "depth": depth, "width": width}
        model = build_model(architecture, database.img_size)
        model.compile(
            optimizer=_optimizer(opt, lr),
            loss={name: "categorical_crossentropy" for name in model.output_names},
            metrics=metrics(),
        )
        best = BestCheckpoints(output_path, _describe(architecture, database, parts))
        by_part = {
            name: FaceBatches(database, rows, batch_size)
            for name, rows in rows_by_part(parts, validation_rows).items()
        }
        model.fit(
            FaceBatches(database, training_rows, batch_size, shuffle=True, aug=aug, seed=seed),
            validation_data=FaceBatches(database, validation_rows, batch_size),
            epochs=nb_epochs,
            shuffle=False,  # FaceBatches does
            verbose=1 if sys.stdout.isatty() else 2,
            callbacks=[
                interruptible,
                FiniteLoss(),
                ValidatedByPart(by_part if len(parts) > 1 else {}),
                keras.callbacks.LearningRateScheduler(steps(lr, nb_epochs)),
                best,
                History(output_path),
            ],
        )
    return best.best_file


def _optimizer(name: str, lr: float) -> keras.optimizers.Optimizer:
    if name == "sgd":
        return keras.optimizers.SGD(lr, momentum=0.9, nesterov=True)
    return keras.optimizers.Adam(lr)


def _describe(architecture: dict, database: Database, parts: list[Database]) -> Description:
    return Description(
        architecture,
        database.img_size,
        margin=ORIGINAL_MARGIN if np.isnan(database.margin) else database.margin,
        align=database.align,
        data=[{"db": part.db, "file": part.path.name, "rows": len(part)} for part in parts],
    )


def _start_folder(folder: Path, arguments: dict) -> None:
    """Make the run's folder and note its arguments there; a run that is there is not touched."""
    if any(folder.glob("weights.*.hdf5")) or (folder / HISTORY).exists():
        raise UserError(
            f"--output_path: expected a folder without a run, {folder} holds one; "
            "name another, or move that run away"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--output_path: {folder} could not be made: {error.strerror}") from error
    check_folder(folder)
    with replacing(folder / ARGUMENTS) as path:
        path.write_text(json.dumps(arguments, default=str, indent=2) + "\n")
