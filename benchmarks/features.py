"""Heads on frozen features, for studies of losses and of training data."""

from pathlib import Path

import numpy as np

DLIB = "dlib"  # dlib's face recognition network, which never saw an age
BATCH_SIZE = 256
FOLDS, RESAMPLES = 5, 2000
_STATISTICS = 512  # faces, for dlib's normalization


def features_of(
    weights: str, size: int, databases: list, rows: list[np.ndarray]
) -> list[np.ndarray]:
    """Features, float32 (N, 512), of some rows, in increasing order, of each database.

    weights: `DLIB`, or a weight file of a face_resnet.  size: of dlib's faces, in pixels.
    Raises `UserError` if the faces are not aligned as the network expects them.
    """
    import keras

    from src.errors import UserError
    from src.faces.images import resize
    from src.models.checkpoints import load_checkpoint
    from src.models.transfer import initialised
    from src.progress import Progress

    def read(database, some) -> np.ndarray:
        return np.stack([resize(face, size) for face in database.image[some]])

    if weights == DLIB:
        spread = np.linspace(0, len(rows[0]) - 1, _STATISTICS).astype(int)
        faces = read(databases[0], rows[0][np.unique(spread)])
        model, _, _ = initialised({"name": "face_resnet"}, size, DLIB, faces)
        alignment = "face_chip"
    else:
        model, description = load_checkpoint(Path(weights))
        size, alignment = description.crop.size, description.crop.alignment
    for database in databases:
        if database.crop.alignment != alignment:
            raise UserError(
                f"--input: expected faces with the alignment {alignment}, {database.path} has "
                f"{database.crop.alignment}"
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


def labels_of(gender, age_low, age_high) -> tuple[tuple, tuple]:
    """Labels and sample weights, as `FaceBatches` has them, from labels (N,), NaN if unknown."""
    from src.labels import age_targets, gender_targets

    weights = (~np.isnan(gender)).astype("f4"), (~np.isnan(age_low)).astype("f4")
    return (gender_targets(gender), age_targets(age_low, age_high)), weights


def predict(arguments, training: tuple, tested: list[np.ndarray]) -> list[list[np.ndarray]]:
    """Gender and age distributions of each set of features, by heads trained as `arguments`, a
    `training.arguments.Arguments`, set. Of `training`: features, labels and sample weights."""
    import keras

    from src.models.heads import twin_heads
    from src.training.arguments import AGE_HEADS
    from src.training.distribution import Devices
    from src.training.network import compile_network
    from src.training.optimizers import get_schedule

    features, labels, weights = training
    keras.utils.set_random_seed(arguments.seed)
    inputs = keras.Input(features.shape[1:])
    head = AGE_HEADS.get(arguments.age_loss, "softmax")
    net = keras.layers.Dropout(0.2)(inputs)
    model = keras.Model(inputs, twin_heads(net, hidden=256, use_bias=True, age_head=head))
    schedule = get_schedule(arguments, -(-len(features) // BATCH_SIZE))
    compile_network(Devices(["cpu:0"]), model, arguments, schedule)
    model.fit(
        features,
        labels,
        sample_weight=weights,
        batch_size=BATCH_SIZE,
        epochs=arguments.nb_epochs,
        verbose=0,
    )
    return [model.predict(each, batch_size=1024, verbose=0) for each in tested]


def out_of_fold(train, count: int, seed: int):
    """Estimates of `count` faces, each fifth by heads that are trained on all other faces.

    train: takes which faces are trained on and which predicted, bool (count,) each, and returns
        the gender and age distributions of the latter.
    """
    from src.estimation.estimates import Estimates
    from src.labels import AGES, GENDERS

    fold = np.random.default_rng(seed).integers(FOLDS, size=count)
    gender, age = (np.empty((count, len(classes)), np.float32) for classes in (GENDERS, AGES))
    for held in range(FOLDS):
        own = fold == held
        gender[own], age[own] = train(~own, own)
    return Estimates.of(gender[:, 0], age)


def interval(differences: np.ndarray) -> tuple[float, float]:
    """95 % interval of the mean of differences (seeds, N), from resampling seeds and faces.

    With few seeds it is too narrow, as a bootstrap understates their variance.
    """
    rng, (seeds, count) = np.random.default_rng(0), differences.shape
    means = [
        differences[rng.integers(0, seeds, seeds)][:, rng.integers(0, count, count)].mean()
        for _ in range(RESAMPLES)
    ]
    return tuple(np.percentile(means, [2.5, 97.5]))
