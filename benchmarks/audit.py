#!/usr/bin/env python3
"""This script injects wrong labels into databases, and counts how many an audit finds.

python benchmarks/audit.py --input data/all_age_faces_136_db.mat

A share of the faces receives the age and gender of another face. Heads on dlib's frozen features,
which never saw an age, are trained in five folds on the wrong and right labels. The printed
precision, which is also the recall, is that of the faces ranked first, as many as labels are wrong.

With --test, no label is changed: heads are trained with and without the most suspicious faces, and
tested on a tenth of --input that is neither audited nor trained on, and on another database.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.features import DLIB, features_of, out_of_fold
from src import cli, flags
from src.flags import flag

EPOCHS, BATCH = 25, 256


@dataclass(frozen=True)
class Arguments:
    """The arguments of this benchmark."""

    input: tuple[Path, ...] = flag(help="databases of aligned faces (--align face_chip)")
    test: Path | None = flag(None, help="database to test on, see above")
    faces: int = flag(5000, help="maximum number of faces, drawn at random", limits="[100, inf)")
    seed: int = flag(0, help="seed of the faces, the wrong labels and the heads")
    seeds: int = flag(3, help="number of seeds from --seed, of --test", limits="[2, inf)")


def main(argv=()):
    arguments = flags.parse(Arguments, argv, __doc__)
    from src.data.database import join, open_database

    databases = [open_database(path) for path in arguments.input]
    if arguments.test:
        without_suspicious(databases, open_database(arguments.test), arguments)
    else:
        inject(join(databases), arguments)


def drawn(rng, database, known, count):
    """Rows of at most `count` faces, drawn at random, and their labels."""
    import numpy as np

    from src.evaluation.results import labels_table

    rows = np.sort(rng.permutation(np.flatnonzero(known))[:count])
    own = [values[rows] for values in (database.gender, database.age_low, database.age_high)]
    return rows, labels_table([""] * len(rows), *own)


def without_suspicious(databases, other, arguments):
    """Print errors of heads that are trained with and without the most suspicious faces."""
    import keras
    import numpy as np
    from tabulate import tabulate

    from src.data.database import join
    from src.data.split import divide
    from src.evaluation.noise import suspect
    from src.labels import age_errors, expected_age

    joined = join(databases)
    _, parts = divide(databases, None, 0.1, 0, 0)
    rng = np.random.default_rng(arguments.seed)
    rows, labels = drawn(rng, joined, ~np.isnan(joined.age_low), arguments.faces)
    other_rows, unseen = drawn(rng, other, ~np.isnan(other.age_low), arguments.faces)
    size = joined.crop.size
    features, of_unseen = features_of(DLIB, size, [joined, other], [rows, other_rows])
    held_out = np.isin(rows, parts["validation"])
    tested = {"tenth": (features[held_out], labels[held_out]), "other": (of_unseen, unseen)}
    features, labels = features[~held_out], labels[~held_out]
    found = {}
    for seed in range(arguments.seed, arguments.seed + arguments.seeds):
        suspicion = suspect(labels, estimates_of(features, labels, seed))["either"].to_numpy()
        order = np.random.default_rng(seed).permutation(len(labels))
        kept = {"none": np.full(len(labels), True)}
        for limit in (0.9, 0.5):
            kept[f"suspicion above {limit}"] = suspicion <= limit
            kept[f"as many as above {limit}, at random"] = order >= (suspicion > limit).sum()
        for name, chosen in kept.items():
            keras.utils.set_random_seed(seed)
            model = heads(features[chosen], labels[chosen])
            values = [(~chosen).sum()]
            for some, own in tested.values():
                age = expected_age(model.predict(some, batch_size=BATCH, verbose=0)[0])
                error = np.abs(age_errors(age, *own[["age_low", "age_high"]].to_numpy().T))
                values += [error.mean(), error[own["age_low"] >= 75].mean(), np.median(error)]
            found.setdefault(name, []).append(values)
    print(
        f"{len(labels):,} faces audited; tested: "
        + ", ".join(
            f"{name} {len(own):,} ({(own['age_low'] >= 75).sum():,} of 75 and more)"
            for name, (_, own) in tested.items()
        )
    )
    table = []
    for name, values in found.items():
        count, *means = np.mean(values, axis=0)
        _, *deviations = np.std(values, axis=0, ddof=1)
        errors = [f"{m:.2f} ± {d:.2f}" for m, d in zip(means, deviations, strict=True)]
        table.append([name, f"{count:,.0f}", *errors])
    measures = [f"{name} {what}" for name in tested for what in ("MAE", "MAE of 75+", "median")]
    headers = ["excluded", "faces", *measures]
    print(tabulate(table, headers, tablefmt="pipe", disable_numparse=True))


def inject(database, arguments):
    """Print how many injected wrong labels several rankings find."""
    import numpy as np
    from tabulate import tabulate

    from src.evaluation.noise import noise_rates, suspect
    from src.evaluation.results import labels_table

    known = ~np.isnan(database.age_low) & ~np.isnan(database.gender)
    rng = np.random.default_rng(arguments.seed)
    rows, labels = drawn(rng, database, known, arguments.faces)
    [features] = features_of(DLIB, database.crop.size, [database], [rows])
    true = [labels[name].to_numpy() for name in ("age_low", "age_high", "gender")]
    table = []
    for share in (0.05, 0.1, 0.2):
        replaced = rng.random(len(rows)) < share
        other = rng.permutation(len(rows))
        low, high, gender = (np.where(replaced, values[other], values) for values in true)
        wrong = (low != true[0]) | (high != true[1]) | (gender != true[2])
        labels = labels_table([""] * len(rows), gender, low, high)
        estimates = estimates_of(features, labels, arguments.seed)
        error = np.abs(estimates.age - np.clip(estimates.age, low, high))
        found = suspect(labels, estimates)
        scores = (found.either, found.age, error, rng.random(len(rows)))
        first = [np.argsort(-score, kind="stable")[: wrong.sum()] for score in scores]
        rates = noise_rates(labels, estimates)
        bands = [np.minimum(age // 10, 7) for age in (low, true[0])]
        rates_true = {"age": np.abs(bands[0] - bands[1]) > 1, "gender": gender != true[2]}
        expected = found.either.sum() / len(rows)
        table.append(
            [
                f"{share:.0%}",
                f"{wrong.sum():,}",
                f"{expected:.1%}",
                *(f"{wrong[chosen].mean():.1%}" for chosen in first),
                *(
                    "{:.1%} [{:.1%}, {:.1%}]".format(*rates[name]) + f" of {is_wrong.mean():.1%}"
                    for name, is_wrong in rates_true.items()
                ),
            ]
        )
    headers = [
        "injected",
        "wrong",
        "expected",
        "suspicion",
        "of age alone",
        "absolute error",
        "random",
    ]
    print(
        tabulate(
            table, [*headers, "estimated age noise of true", "gender noise"], disable_numparse=True
        )
    )


def estimates_of(features, labels, seed):
    """Estimates of each fifth of the faces by heads trained on the others."""
    import keras

    def train(training, held):
        model = heads(features[training], labels[training])
        age, gender = model.predict(features[held], batch_size=BATCH, verbose=0)
        return gender, age

    keras.utils.set_random_seed(seed)
    return out_of_fold(train, len(features), seed)


def heads(features, labels):
    """Heads of age and gender, trained on features."""
    import keras
    import numpy as np

    from src.labels import AGES, age_midpoint

    middle = age_midpoint(labels.age_low, labels.age_high).to_numpy()[:, None]
    ages = np.exp(-(((AGES - middle) / 2.5) ** 2) / 2)
    genders = labels.gender.to_numpy()[:, None] == (0, 1)  # none if unknown
    targets = ages / ages.sum(axis=1, keepdims=True), genders.astype(np.float32)
    inputs = keras.Input(features.shape[1:])
    scaled = keras.layers.BatchNormalization()(inputs)
    outputs = [
        keras.layers.Dense(n, "softmax", kernel_regularizer=keras.regularizers.L2(5e-4))(scaled)
        for n in (len(AGES), 2)
    ]
    model = keras.Model(inputs, outputs)
    schedule = keras.optimizers.schedules.CosineDecay(2e-3, EPOCHS * -(-len(features) // BATCH))
    model.compile(keras.optimizers.Adam(schedule), loss="categorical_crossentropy")
    model.fit(features, targets, batch_size=BATCH, epochs=EPOCHS, verbose=0)
    return model


if __name__ == "__main__":
    cli.run(main)
