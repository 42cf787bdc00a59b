"""One training run, from databases to checkpoints."""

import sys
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import keras
import numpy as np

from ..data.database import Database, join, open_database
from ..data.identities import PARTS, Identities
from ..data.split import Split, description_of, divide, read_split, rows_by_database
from ..errors import UserError
from ..faces import DEFAULT_MARGINS
from ..files import defer_sigint
from ..labels import age_midpoint
from ..models.checkpoints import stored_description
from ..models.description import Description
from ..models.seen import TRAINED_ON, TRAINING, UNKNOWN, seen_in
from ..outputs import locked
from .arguments import Arguments
from .batches import FaceBatches, statistics_faces, training_batches
from .callbacks import EpochFiles, Steps, Validation
from .distribution import Devices, backend_version, check_agreed, distributed, is_first_host
from .loggers import loggers
from .network import compile_network, get_evaluator, get_network
from .optimizers import get_schedule
from .run import check_run, start_run, weight_files
from .state import data_digest, read_state

_INIT_FACES = 512  # training faces for `initialised`


@dataclass(frozen=True)
class Trained:
    """The best checkpoint of a run, and its metrics by column of history.csv."""

    best_file: Path
    img_size: int
    metrics: dict[str, float]


@dataclass(frozen=True)
class Data:
    """The databases of a run, joined, and their split."""

    databases: list[Database]
    joined: Database
    split: Split
    rows: dict[str, np.ndarray]  # of the joined database, int64, by part


def train(arguments: Arguments) -> Trained:
    """Train a network on databases.

    `output_path` receives `weights.*.hdf5`, `history.csv`, `loss.png`, `accuracy.png`,
    `arguments.json` and `state.hdf5`. Raises `UserError` for errors in arguments or files.
    """
    data = open_data(arguments)
    arguments.output_path.parent.mkdir(parents=True, exist_ok=True)
    with (
        defer_sigint() as pressed,
        distributed(arguments) as devices,
        locked(arguments.output_path) if is_first_host() else nullcontext(),
    ):
        try:
            return _train(arguments, data, devices, pressed)
        except KeyboardInterrupt as interrupt:
            raise KeyboardInterrupt(
                f"completed epochs are kept; resume with --resume {arguments.output_path}"
            ) from interrupt


def open_data(arguments: Arguments) -> Data:
    """The databases and the split of some arguments."""
    databases = [open_database(path) for path in arguments.input]
    joined = join(databases)
    split, rows = divide(
        databases,
        arguments.split_by,
        arguments.validation_split,
        arguments.test_split,
        arguments.seed,
        arguments.folds,
        arguments.fold,
    )
    return Data(databases, joined, split, rows)


def _train(arguments: Arguments, data: Data, devices: Devices, pressed: list[bool]) -> Trained:
    check_run(arguments)
    rows, digest = data.rows["training"], data_digest(data.databases, data.rows)
    if arguments.hosts:  # folders may have other names there
        check_agreed(replace(arguments, input=[], output_path=Path()).as_json(), digest)
    state = read_state(arguments.output_path, digest) if arguments.resume else None
    done = state.epochs if state else 0
    if arguments.hosts:
        check_agreed(done)
    if not state:
        for flag, path in weight_files(arguments).items():
            _check_start(flag, path, data)
    batches = training_batches(devices, arguments, data.joined, rows, done)
    if not len(batches):
        raise UserError(
            f"--batch_size: expected at most the {len(rows):,} training faces, received "
            f"{arguments.batch_size}: several devices share full batches"
        )
    schedule = get_schedule(arguments, len(batches))
    keras.utils.set_random_seed(arguments.seed)
    faces = data.joined.image[rows[:: -(-len(rows) // _INIT_FACES)]]
    size = data.joined.crop.size
    model, architecture = get_network(arguments, size, faces, state and state.architecture)
    compile_network(devices, model, arguments, schedule)
    if state:
        state.restore(model)
    validation = _validation(devices, model, arguments, data)
    files = EpochFiles(arguments, _describe(architecture, data, arguments), digest, done)
    run_id = start_run(arguments, keras.backend.backend()) if is_first_host() else ""
    _print_run(devices, arguments, model, data)
    logs = loggers(arguments, run_id) if is_first_host() else []
    if files.is_exhausted:
        print(
            f"already stopped early after epoch {done}; raise --early_stopping to continue",
            flush=True,
        )
    else:
        model.fit(
            batches,
            initial_epoch=done,
            epochs=arguments.nb_epochs,
            shuffle=False,  # FaceBatches does
            verbose=1 if sys.stdout.isatty() else 2,
            callbacks=[validation, Steps(schedule, batches, pressed), *logs, files],  # state last
        )
    return Trained(files.best_file, size, files.best)


def _validation(
    devices: Devices, model: keras.Model, arguments: Arguments, data: Data
) -> Validation:
    rows = rows_by_database(data.databases, data.rows["validation"])
    return Validation(
        get_evaluator(devices, model, arguments),
        {
            name: FaceBatches(data.joined, own, arguments, devices=devices)
            for name, own in rows.items()
        },
        arguments,
        partial(statistics_faces, data.joined, data.rows["training"]),
    )


def _check_start(flag: str, path: Path, data: Data) -> None:
    """Print a notice if initial weights or a teacher were trained on other crops.

    Raises `UserError` if they were trained on faces that the split holds out.
    """
    description, crop = stored_description(path), data.joined.crop
    if description and crop != description.crop:
        expected = description.crop
        print(f"{path}: trained on crops of {expected}; the databases have {crop}", flush=True)
    held_out = np.concatenate([data.rows[part] for part in PARTS if part != TRAINING])
    seen = seen_in(data.databases, description)[held_out]
    trained, unknown = (seen == TRAINING).sum(), np.isin(seen, (UNKNOWN, TRAINED_ON)).sum()
    of = f"of the {len(held_out):,} validation and test faces"
    if trained:
        split = read_split(description.split)
        raise UserError(
            f"{flag}: expected weights that never saw held-out faces, {path} was trained on "
            f"{trained:,} {of}; pass {split.flags()} as its run did, or other weights"
        )
    if unknown:
        print(f"{path}: may have been trained on {unknown:,} {of}", flush=True)


def _describe(architecture: dict, data: Data, arguments: Arguments) -> Description:
    """The description of the run's checkpoints, with the data and identities of initial weights and
    teacher."""
    crop, rows = data.joined.crop, data.rows["training"]
    if crop.margin is None:
        crop = replace(crop, margin=DEFAULT_MARGINS[crop.alignment])
    crops = {str(database.crop) for database in data.databases}
    if len(crops) > 1:
        print(f"crops differ ({'; '.join(sorted(crops))}): checkpoints store {crop}")
    own = description_of(data.databases, data.split, data.rows)
    parts, faces = own["data"], own["identities"].items()
    for path in weight_files(arguments).values():
        initial = stored_description(path)
        known = initial.data if initial else []
        parts += [part | {"initial": True} for part in known or [{"db": None, "file": path.name}]]
        faces += initial.identities.items() if initial and initial.identities else []
    own["data"] = [part for index, part in enumerate(parts) if part not in parts[:index]]
    own["identities"] = Identities.of(faces)
    return Description(architecture, crop, training=_averages(data.joined, rows), **own)


def _averages(database: Database, rows: np.ndarray) -> dict[str, float] | None:
    """Mean and median age and share of men, for the constant baseline; None if no age or no
    gender is known."""
    ages = age_midpoint(database.age_low[rows], database.age_high[rows])
    gender = database.gender[rows]
    if np.isnan(ages).all() or np.isnan(gender).all():
        return None
    return {
        "age_mean": float(np.nanmean(ages)),
        "age_median": float(np.nanmedian(ages)),
        "male_share": float(np.nanmean(gender)),
    }


def _print_run(devices: Devices, arguments: Arguments, model: keras.Model, data: Data) -> None:
    names = devices.names
    kind = "bfloat16, weights float32" if arguments.mixed_precision else "float32"
    xla = "XLA" if model.jit_compile else "no XLA"
    print(f"{', '.join(names)}; Keras {keras.__version__} on {backend_version()}, {kind}, {xla}")
    if names[0].startswith("cpu"):
        print("no GPU was found: training on the CPU is slow")
    counts = ", ".join(f"{part} {len(data.rows[part]):,}" for part in PARTS)
    method = "hash of the names" if data.split.method == "hash" else "random"
    print(f"{model.name}: {model.count_params():,} parameters")
    print(f"faces: {counts} (split by {method})", flush=True)
