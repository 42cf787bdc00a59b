#!/usr/bin/env python3
"""This script injects wrong labels into a database, and counts how many an audit finds.

python benchmarks/audit.py --input data/all_age_faces_136_db.mat

A share of the faces gets age and gender of another face. Heads over dlib's frozen features, which
never saw an age, are trained in five folds on the wrong and right labels; printed is the precision,
which is also the recall, of the faces ranked first, as many as labels are wrong.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from src import cli, flags
from src.flags import flag

FOLDS, EPOCHS, BATCH = 5, 25, 256


@dataclass(frozen=True)
class Arguments:
    """The arguments of this benchmark."""

    input: Path = flag(help="database of aligned faces (--align face_chip)")
    faces: int = flag(5000, help="maximum number of faces, drawn at random", limits="[100, inf)")
    seed: int = flag(0, help="seed of the faces, the wrong labels and the heads")


def main(argv=()):
    arguments = flags.parse(Arguments, argv, __doc__)
    import numpy as np
    from tabulate import tabulate

    from src.data.database import open_database
    from src.evaluation.noise import noise_rates, suspect
    from src.evaluation.results import labels_table

    database = open_database(arguments.input)
    rng = np.random.default_rng(arguments.seed)
    known = np.flatnonzero(~np.isnan(database.age_low) & ~np.isnan(database.gender))
    rows = np.sort(rng.permutation(known)[: arguments.faces])
    features = dlib_features(database, rows)
    true = [values[rows] for values in (database.age_low, database.age_high, database.gender)]
    table = []
    for share in (0.05, 0.1, 0.2):
        replaced = rng.random(len(rows)) < share
        other = rng.permutation(len(rows))
        low, high, gender = (np.where(replaced, values[other], values) for values in true)
        wrong = (low != true[0]) | (high != true[1]) | (gender != true[2])
        labels = labels_table([""] * len(rows), gender, low, high)
        estimates = out_of_fold(features, labels, arguments.seed)
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


def dlib_features(database, rows):
    """Features of dlib's network, float32 (N, 512)."""
    import keras
    import numpy as np

    from src.models.heads import in_head
    from src.models.transfer import initialised

    faces = database.image[rows[:300]]
    model, _, _ = initialised({"name": "face_resnet"}, database.crop.size, "dlib", faces)
    last = [layer for layer in model.layers if not in_head(layer)][-1]
    network = keras.Model(model.input, last.output)
    batches = np.array_split(rows, -(-len(rows) // BATCH))
    return np.concatenate([network.predict_on_batch(database.image[each]) for each in batches])


def out_of_fold(features, labels, seed):
    """Estimates of each fifth of the faces by heads trained on the others."""
    import keras
    import numpy as np

    from src.estimation.estimator import Estimates
    from src.labels import AGES, age_midpoint

    keras.utils.set_random_seed(seed)
    middle = age_midpoint(labels.age_low, labels.age_high).to_numpy()[:, None]
    ages = np.exp(-(((AGES - middle) / 2.5) ** 2) / 2)
    genders = labels.gender.to_numpy()[:, None] == (0, 1)
    fold = np.random.default_rng(seed).integers(FOLDS, size=len(features))
    age, p_female = (
        np.empty((len(features), len(AGES)), np.float32),
        np.empty(len(features), np.float32),
    )
    for held in range(FOLDS):
        inputs = keras.Input(features.shape[1:])
        scaled = keras.layers.BatchNormalization()(inputs)
        outputs = [
            keras.layers.Dense(n, "softmax", kernel_regularizer=keras.regularizers.L2(5e-4))(scaled)
            for n in (len(AGES), 2)
        ]
        model = keras.Model(inputs, outputs)
        model.compile(keras.optimizers.Adam(2e-3), loss="categorical_crossentropy")
        train = fold != held
        targets = (ages / ages.sum(axis=1, keepdims=True))[train], genders[train].astype(np.float32)
        model.fit(features[train], targets, batch_size=BATCH, epochs=EPOCHS, verbose=0)
        age[~train], both = model.predict(features[~train], batch_size=BATCH, verbose=0)
        p_female[~train] = both[:, 0]
    return Estimates.of(p_female, age)


if __name__ == "__main__":
    cli.run(main)
