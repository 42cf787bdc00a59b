"""One training run, from databases to checkpoints."""

import sys
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from src.data.database import Database, open_database
from src.data.joined import join
from src.data.split import PARTS, Split, divide
from src.models.description import ORIGINAL_MARGIN, Description
from src.training.arguments import Arguments
from src.training.batches import training_batches, validation_batches
from src.training.devices import backend_version
from src.training.distribution import Whole, distributed
from src.training.folder import check_hosts, check_run, start_run
from src.training.generators import FaceBatches
from src.training.history import BestCheckpoints, FiniteLoss, History
from src.training.hosts import is_first_host
from src.training.interrupt import BetweenBatches
from src.training.network import compile_network, get_network
from src.training.schedules import Schedule
from src.training.state import SavedState, restore
from src.training.validation import Validation
from src.training.watch import TensorBoard, WeightsAndBiases

_INIT_FACES = 512  # on which weights from elsewhere are fitted to the data, see `initialised`


@dataclass(frozen=True)
class Trained:
    """The best checkpoint of a run, and what it reached, by the names of a table's columns."""

    best_file: Path
    row: dict[str, str | int | float]


def train(arguments: Arguments) -> Trained:
    """Train a network on databases.

    `output_path` receives `weights.*.hdf5`, `history.csv`, `loss.png`, `accuracy.png`,
    `arguments.json` and `state.hdf5`. Raises `UserError` for what a person can fix.
    """
    parts = [open_database(path) for path in arguments.input]
    database = join(parts)
    check_run(arguments)
    split, rows_of = divide(
        parts,
        arguments.split_by,
        arguments.validation_split,
        arguments.test_split,
        arguments.seed,
    )
    rows, validated = rows_of["training"], rows_of["validation"]
    steps = -(-len(rows) // arguments.batch_size)
    schedule = Schedule(
        arguments.schedule, arguments.lr, arguments.nb_epochs, steps, arguments.warmup_epochs
    )
    with BetweenBatches() as interruptible, distributed(arguments) as spread:
        if arguments.hosts:
            check_hosts(arguments, database, rows)
        keras.utils.set_random_seed(arguments.seed)
        model, architecture = get_network(
            arguments,
            database.img_size,
            database.image[np.sort(rows)[:: -(-len(rows) // _INIT_FACES)]],
        )
        compile_network(spread, model, arguments, schedule)
        done = restore(arguments.output_path, model, len(rows))
        if is_first_host():
            start_run(arguments)
        _print_run(spread, arguments, model, split, rows_of)
        batches = training_batches(spread, arguments, database, rows, done)
        history = History(arguments.output_path, schedule, batches, done)
        best = BestCheckpoints(
            arguments.output_path,
            _describe(architecture, database, parts, rows, split),
            history,
            arguments.monitor,
            arguments.early_stopping,
        )
        callbacks = [
            interruptible,
            Validation(validation_batches(spread, arguments, database, parts, validated)),
            FiniteLoss(schedule, best),
            history,
            best,
            *(_watchers(arguments) if is_first_host() else []),
            SavedState(arguments.output_path, len(rows)),
        ]
        _fit(model, batches, arguments, done, callbacks)
    return Trained(best.best_file, _row(arguments, database.img_size, best.best))


def _fit(
    model: keras.Model,
    batches: FaceBatches,
    arguments: Arguments,
    done: int,
    callbacks: list[keras.callbacks.Callback],
) -> None:
    try:
        model.fit(
            batches,
            initial_epoch=done,
            epochs=arguments.nb_epochs,
            shuffle=False,  # FaceBatches does
            verbose=1 if sys.stdout.isatty() else 2,
            callbacks=callbacks,
        )
    except KeyboardInterrupt as interrupt:
        folder = arguments.output_path
        raise KeyboardInterrupt(
            f"whole epochs are kept; go on with --resume {folder}"
        ) from interrupt


def _row(arguments: Arguments, img_size: int, figures: dict[str, float]) -> dict:
    """An epoch's row of the table that a run ends with, as the PyTorch toolkit's."""
    return {
        "image size": f"{img_size}x{img_size}",
        "network": arguments.arch,
        "epoch": figures["epoch"],
        "gender accuracy": figures["val_pred_gender_accuracy"],
        "age top-5 accuracy": figures["val_pred_age_top5"],
        "age MAE (years)": figures["val_pred_age_mae"],
    }


def _describe(
    architecture: dict,
    database: Database,
    parts: list[Database],
    rows: np.ndarray,
    split: Split,
) -> Description:
    if len({f"{part.margin}" for part in parts}) > 1:  # as text, NaN equals NaN
        margins = ", ".join(f"{part.path.name} {part.margin:g}" for part in parts)
        print(f"margins differ ({margins}): the checkpoint says {database.margin:g}", flush=True)
    ages = (database.age_low[rows] + database.age_high[rows]) / 2
    return Description(
        architecture,
        database.img_size,
        margin=ORIGINAL_MARGIN if np.isnan(database.margin) else database.margin,
        align=database.align,
        data=[_about(part) for part in parts],
        training=_averages(ages, database.gender[rows]),
        split=split.as_json(),
    )


def _about(part: Database) -> dict:
    margin = None if np.isnan(part.margin) else part.margin
    return {"db": part.db, "file": part.path.name, "rows": len(part), "margin": margin}


def _watchers(arguments: Arguments) -> list[keras.callbacks.Callback]:
    folder, watchers = arguments.output_path, []
    if arguments.tensorboard:
        watchers.append(TensorBoard(folder))
    if arguments.wandb:
        watchers.append(WeightsAndBiases(arguments.wandb, folder, arguments.as_json()))
    return watchers


def _averages(ages: np.ndarray, gender: np.ndarray) -> dict[str, float] | None:
    """What who knows no face would say; None where no label of either kind is known."""
    if np.isnan(ages).all() or np.isnan(gender).all():
        return None
    return {"age_mean": float(np.nanmean(ages)), "male_share": float(np.nanmean(gender))}


def _print_run(
    spread: Whole,
    arguments: Arguments,
    model: keras.Model,
    split: Split,
    rows: dict[str, np.ndarray],
) -> None:
    devices = spread.devices
    kind = "bfloat16, weights float32" if arguments.mixed_precision else "float32"
    xla = "XLA" if model.jit_compile else "no XLA"
    print(f"{', '.join(devices)}; Keras {keras.__version__} on {backend_version()}, {kind}, {xla}")
    if devices[0].startswith("cpu"):
        print("no GPU was found: training on the CPU is slow")
    counts = ", ".join(f"{part} {len(rows[part]):,}" for part in PARTS)
    method = "hash of the file name" if split.method == "hash" else "random"
    print(f"{model.name}: {model.count_params():,} parameters")
    print(f"faces: {counts} (split by {method})", flush=True)
