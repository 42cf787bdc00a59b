"""Heads on frozen features, for studies of losses and of training data."""

from pathlib import Path

import numpy as np

DLIB = "dlib"  # dlib's face recognition network, which never saw an age
BATCH_SIZE = 256
RESAMPLES = 2000
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

    alignment = "face_chip"
    if weights != DLIB:
        model, description = load_checkpoint(Path(weights))
        size, alignment = description.crop.size, description.crop.alignment
    for database in databases:
        if database.crop.alignment != alignment:
            raise UserError(
                f"--input: expected faces with the alignment {alignment}, {database.path} has "
                f"{database.crop.alignment}"
            )
    if weights == DLIB:
        spread = np.linspace(0, len(rows[0]) - 1, _STATISTICS).astype(int)
        faces = read(databases[0], rows[0][np.unique(spread)])
        model, _, _ = initialised({"name": "face_resnet"}, size, DLIB, faces)
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


def predict(arguments, training: tuple, tested: list[np.ndarray]) -> list[list[np.ndarray]]:
    """Gender and age distributions of each set of features, by heads trained as `arguments`, a
    `training.arguments.Arguments`, set. Of `training`: features, labels and sample weights."""
    import keras

    from src.models.heads import twin_heads
    from src.training.arguments import AGE_HEADS
    from src.training.losses import get_losses
    from src.training.optimizers import get_optimizer, get_schedule, set_rates

    features, labels, weights = training
    keras.utils.set_random_seed(arguments.seed)
    inputs = keras.Input(features.shape[1:])
    head = AGE_HEADS.get(arguments.age_loss, "softmax")
    net = keras.layers.Dropout(0.2)(inputs)
    model = keras.Model(inputs, twin_heads(net, hidden=256, use_bias=True, age_head=head))
    schedule = get_schedule(arguments, -(-len(features) // BATCH_SIZE))
    set_rates(model, arguments)
    model.compile(
        get_optimizer(arguments, schedule),
        get_losses(arguments),
        loss_weights=[arguments.gender_weight, arguments.age_weight],
    )
    model.fit(
        features,
        labels,
        sample_weight=weights,
        batch_size=BATCH_SIZE,
        epochs=arguments.nb_epochs,
        verbose=0,
    )
    return [model.predict(each, batch_size=1024, verbose=0) for each in tested]


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
