"""The batches of a run."""

import numpy as np

from src.data.database import Database
from src.data.split import rows_by_database
from src.training.arguments import Arguments
from src.training.devices import has_accelerator
from src.training.distribution import Whole
from src.training.generators import FaceBatches
from src.training.losses import class_weights

_THREADS = 4  # that make batches for a GPU


def training_batches(
    spread: Whole, arguments: Arguments, database: Database, rows: np.ndarray, done: int
) -> FaceBatches:
    """Batches of the rows to train on, from epoch `done` on."""
    weights = None
    if arguments.balance != "none":
        labels = database.age_low, database.age_high, database.gender
        known = class_weights(arguments.balance, *(label[rows] for label in labels))
        weights = {name: np.ones(len(database), np.float32) for name in known}
        for name, values in known.items():
            weights[name][rows] = values
    return FaceBatches(
        database,
        rows,
        arguments.batch_size,
        shuffle=True,
        aug=arguments.aug,
        erasing=arguments.erasing,
        mixup=arguments.mixup,
        weights=weights,
        seed=arguments.seed,
        epoch=done,
        share=spread.share,
        threads=_THREADS if has_accelerator() else 0,
    )


def validation_batches(
    spread: Whole,
    arguments: Arguments,
    database: Database,
    parts: list[Database],
    rows: np.ndarray,
) -> dict[str, FaceBatches]:
    """Batches of the rows to validate on, by the name of the database that they are from."""
    return {
        name: FaceBatches(database, own, arguments.batch_size, share=spread.share)
        for name, own in rows_by_database(parts, rows).items()
    }
