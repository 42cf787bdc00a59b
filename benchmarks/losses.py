#!/usr/bin/env python3
"""All age losses on heads over frozen features, on test faces and on a dataset never seen.

python benchmarks/losses.py --input data/utkface_136_db.mat --unseen data/all_age_faces_136_db.mat

The features are those of dlib's face recognition network, which never saw an age, computed once
per face. Heads of age and gender are trained on the training part of the databases, with AdamW, a
cosine schedule, and the same seeds for every loss; differences to cross-entropy are paired by seed
and face, their 95 % intervals from resampling both.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from src import cli, flags
from src.extras import import_keras
from src.flags import flag
from src.training.arguments import AGE_HEADS, AGE_LOSSES

SIZE = 112  # pixels
BATCH_SIZE = 256
RESAMPLES = 2000
EXACT = "exact ages: distance in years; coverage of the 80 % interval"


@dataclass(frozen=True, kw_only=True)
class Arguments:
    input: tuple[Path, ...] = flag(help="databases of aligned faces", short="-i")
    unseen: Path = flag(help="database that is not trained on")
    faces: int = flag(6000, help="maximum number of training faces", limits="[1, inf)")
    tested: int = flag(2000, help="maximum number of test faces of each kind", limits="[1, inf)")
    seeds: int = flag(3, help="number of seeds", limits="[2, inf)")
    epochs: int = flag(30, help="number of epochs", limits="[1, inf)")


def features_of(databases: list, rows: list[np.ndarray]) -> list[np.ndarray]:
    """Features, float32 (N, 512), of some rows of each database."""
    import keras

    from src.faces.images import resize
    from src.models.transfer import initialised
    from src.progress import Progress

    def read(database, some) -> np.ndarray:
        return np.stack([resize(face, SIZE) for face in database.image[np.sort(some)]])

    model, _, _ = initialised(
        {"name": "face_resnet"}, SIZE, "dlib", read(databases[0], rows[0][:512])
    )
    trunk = keras.Model(model.inputs, model.get_layer("features_norm").output)
    found = []
    with Progress(sum(map(len, rows)), "faces") as progress:
        for database, own in zip(databases, rows, strict=True):
            batches = []
            for some in np.array_split(own, max(len(own) // 64, 1)):
                batches.append(np.asarray(trunk.predict_on_batch(read(database, some))))
                progress.update(len(some))
            found.append(np.concatenate(batches))
    return found


def labels_of(database, rows: np.ndarray) -> tuple[tuple, tuple]:
    """Labels and sample weights of some rows, as `FaceBatches` has them."""
    from src.labels import age_targets, gender_targets

    gender, low, high = (
        getattr(database, name)[rows] for name in ("gender", "age_low", "age_high")
    )
    weights = (~np.isnan(gender)).astype("f4"), (~np.isnan(low)).astype("f4")
    return (gender_targets(gender), age_targets(low, high)), weights


def predict(
    name: str, seed: int, epochs: int, training: tuple, tested: list[np.ndarray]
) -> list[np.ndarray]:
    """Age distributions of each set of features, by heads trained with one loss and seed."""
    import keras

    from src.models.heads import twin_heads
    from src.training.arguments import Arguments as TrainingArguments
    from src.training.losses import get_losses
    from src.training.optimizers import get_optimizer, get_schedule, set_rates

    features, labels, weights = training
    keras.utils.set_random_seed(seed)
    inputs = keras.Input(features.shape[1:])
    head = AGE_HEADS.get(name, "softmax")
    net = keras.layers.Dropout(0.2)(inputs)
    model = keras.Model(inputs, twin_heads(net, hidden=256, use_bias=True, age_head=head))
    steps = -(-len(features) // BATCH_SIZE)
    chosen = {"age_loss": name, "opt": "adamw", "schedule": "cosine", "warmup_epochs": 1.0}
    arguments = TrainingArguments([], nb_epochs=epochs, **chosen)
    schedule = get_schedule(arguments, steps)
    set_rates(model, arguments)
    model.compile(get_optimizer(arguments, schedule), get_losses(arguments))
    model.fit(
        features, labels, sample_weight=weights, batch_size=BATCH_SIZE, epochs=epochs, verbose=0
    )
    return [model.predict(each, batch_size=1024, verbose=0)[1] for each in tested]


def interval(differences: np.ndarray) -> tuple[float, float]:
    """95 % interval of the mean of differences (seeds, N), from resampling seeds and faces."""
    rng, (seeds, count) = np.random.default_rng(0), differences.shape
    means = [
        differences[rng.integers(0, seeds, seeds)][:, rng.integers(0, count, count)].mean()
        for _ in range(RESAMPLES)
    ]
    return tuple(np.percentile(means, [2.5, 97.5]))


def main(argv=()):
    args = flags.parse(Arguments, argv, __doc__)
    import_keras()
    from tabulate import tabulate

    from src.data.database import join, open_database
    from src.data.split import divide
    from src.labels import age_errors, age_interval, covers, expected_age, is_exact

    databases = [open_database(path) for path in args.input]
    _, rows = divide(databases, None, 0.1, 0.2, 0)
    rng, joined, unseen = np.random.default_rng(0), join(databases), open_database(args.unseen)
    chosen = [
        np.sort(rng.permutation(own)[:limit])
        for own, limit in (
            (rows["training"], args.faces),
            (rows["test"], args.tested),
            (np.arange(len(unseen)), args.tested),
        )
    ]
    sources = [joined, joined, unseen]
    training, *tested = features_of(sources, chosen)
    labels, weights = labels_of(joined, chosen[0])
    errors, covered = {}, {}
    for name in AGE_LOSSES:
        for seed in range(args.seeds):
            found = predict(name, seed, args.epochs, (training, labels, weights), tested)
            for kind, ages, database, own in zip(
                ("test", "unseen"), found, sources[1:], chosen[1:], strict=True
            ):
                low, high = database.age_low[own], database.age_high[own]
                exact = is_exact(low, high)
                error = np.abs(age_errors(expected_age(ages), low, high))[exact]
                errors.setdefault((name, kind), []).append(error)
                hits = covers(*age_interval(ages), low, high)[exact]
                covered.setdefault((name, kind), []).append(hits.mean())
    print(f"{len(training):,} training faces, {args.seeds} seeds; {EXACT}")
    table = []
    for name in AGE_LOSSES:
        cells = [name]
        for kind in ("test", "unseen"):
            own, base = np.array(errors[name, kind]), np.array(errors["ce", kind])
            low, high = interval(own - base)
            means = own.mean(axis=1)
            cells += [
                f"{means.mean():.2f} ± {means.std(ddof=1):.2f}",
                "" if name == "ce" else f"{(own - base).mean():+.2f} ({low:+.2f} to {high:+.2f})",
                f"{np.mean(covered[name, kind]):.0%}",
            ]
        table.append(cells)
    heads = [
        f"{kind} {what}" for kind in ("test", "unseen") for what in ("MAE", "- ce", "coverage")
    ]
    print(tabulate(table, ["loss", *heads], tablefmt="pipe", disable_numparse=True))


if __name__ == "__main__":
    cli.run(main)
