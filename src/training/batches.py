"""Batches of faces and targets, as Keras fits on them."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import keras
import numpy as np

from ..data.database import Database
from ..data.split import rows_by_database
from ..errors import UserError
from ..faces.images import resize
from ..labels import AGES, GENDERS, age_targets, gender_targets
from ..models.checkpoints import load_checkpoint
from ..models.description import OUTPUTS
from ..progress import Progress
from .arguments import Arguments
from .augment import augment, draw, part
from .distribution import SingleDevice, has_accelerator
from .losses import class_weights

_THREADS = 4  # number of prefetching threads for an accelerator
_PREDICTED = 64  # faces per batch of the teacher


class FaceBatches(keras.utils.PyDataset):
    """Batches of some rows of a database.

    A batch is uint8 faces (n, S, S, 3), BGR, and a dict of the targets `pred_gender` (n, 2) and
    `pred_age` (n, 101). The last batch of an epoch may be smaller. With `shuffle` the order changes
    every epoch. The random state of a batch depends on seed, epoch and index alone, so that batches
    can be computed in any order.

    `waited` is the time in seconds spent waiting for batches, an upper bound of the device's.

    threads: number of threads that prefetch batches; 0 computes each batch on demand, which is
        best if the CPU trains.
    aug, erasing, mixup: see `augment.draw`; no augmentation if `aug` is None.
    epoch: the first epoch, counted from 0.
    weights: factor of each row's targets, float32 (N,) by output.
    teacher: predictions for each row, float32 (N, classes) by output, averaged with known labels.
    share: rows of a batch of n for this process, int64, if several devices share the batch. Each
        process draws the random numbers of the whole batch.
    """

    def __init__(
        self,
        database: Database,
        rows: np.ndarray,
        batch_size: int,
        *,
        shuffle: bool = False,
        aug: str | None = None,
        erasing: float = 0.0,
        mixup: float = 0.0,
        weights: dict[str, np.ndarray] | None = None,
        teacher: dict[str, np.ndarray] | None = None,
        seed: int = 0,
        epoch: int = 0,
        threads: int = 0,
        share: Callable[[int], np.ndarray] = np.arange,
    ):
        super().__init__()
        self._database = database
        self._rows = rows
        self._batch_size = batch_size
        self._shuffle = shuffle
        self._aug = aug
        self._erasing, self._mixup = erasing, mixup
        self._weights = weights
        self._teacher = teacher
        self._seed = seed
        self._epoch = epoch - 1
        counts = batch_size, len(rows) % batch_size
        self._shares = {count: share(count) for count in counts if count}
        self._ahead = 2 * threads  # batches
        self._pool = ThreadPoolExecutor(threads) if threads else None
        self.waited = 0.0
        self.on_epoch_end()

    def __len__(self) -> int:
        return -(-len(self._rows) // self._batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        asked = time.perf_counter()
        batch = self._take(index) if self._pool else self._make(self._order, self._epoch, index)
        self.waited += time.perf_counter() - asked
        return batch

    def _take(self, index: int) -> tuple:
        """A prefetched batch; further ones are requested from the threads."""
        for ahead in range(index, min(index + self._ahead, len(self))):
            if ahead not in self._coming:
                self._coming[ahead] = self._pool.submit(self._make, self._order, self._epoch, ahead)
        return self._coming.pop(index).result()

    def on_epoch_end(self) -> None:
        self._epoch += 1
        self._coming: dict[int, Future] = {}
        self._order = self._rows
        if self._shuffle:
            rng = np.random.default_rng((self._seed, self._epoch, 0))
            self._order = rng.permutation(self._rows)

    def _make(self, order: np.ndarray, epoch: int, index: int) -> tuple:
        start = index * self._batch_size
        rows = order[start : start + self._batch_size]
        given, data = self._shares[len(rows)], self._database
        if self._aug:
            rng = np.random.default_rng((self._seed, epoch, 1 + index))
            kind = self._aug, self._erasing, self._mixup, data.crop.is_aligned
            given, drawn = part(draw(rng, len(rows), data.crop.size, *kind), given)
        rows = rows[given]
        faces = data.image[rows]
        targets = (
            gender_targets(data.gender[rows]),
            age_targets(data.age_low[rows], data.age_high[rows]),
        )
        if self._teacher:
            predicted = (self._teacher[name][rows] for name in OUTPUTS)
            targets = tuple(
                (label + label.sum(axis=1, keepdims=True) * prediction) / 2
                for label, prediction in zip(targets, predicted, strict=True)
            )
        if self._weights:
            weights = (self._weights[name][rows, None] for name in OUTPUTS)
            targets = tuple(w * target for w, target in zip(weights, targets, strict=True))
        if self._aug:
            faces, targets = augment(faces, targets, drawn)
        return faces, dict(zip(OUTPUTS, targets, strict=True))

    def count(self, figure: str) -> int:
        """Number of rows in a metric of Keras, which skips rows with an unknown label."""
        known = {"pred_gender": self._database.gender, "pred_age": self._database.age_low}
        output = next((name for name in known if figure.startswith(name)), None)
        if output is None or figure.endswith("loss"):
            return len(self._rows)
        return int((~np.isnan(known[output][self._rows])).sum())


def training_batches(
    device: SingleDevice, arguments: Arguments, database: Database, rows: np.ndarray, done: int
) -> FaceBatches:
    """Batches of the training rows, int64, from epoch `done` on."""
    weights = None
    if arguments.balance != "none":
        labels = database.age_low, database.age_high, database.gender
        known = class_weights(arguments.balance, *(label[rows] for label in labels))
        weights = {name: np.ones(len(database), np.float32) for name in known}
        for name, values in known.items():
            weights[name][rows] = values
    teacher = None
    if arguments.teacher and done < arguments.nb_epochs:
        teacher = predictions(Path(arguments.teacher), database, rows)
    return FaceBatches(
        database,
        rows,
        arguments.batch_size,
        shuffle=True,
        aug=arguments.aug,
        erasing=arguments.erasing,
        mixup=arguments.mixup,
        weights=weights,
        teacher=teacher,
        seed=arguments.seed,
        epoch=done,
        share=device.share,
        threads=_THREADS if has_accelerator() else 0,
    )


def predictions(weight_file: Path, database: Database, rows: np.ndarray) -> dict[str, np.ndarray]:
    """A checkpoint's predictions for `rows`, float32 (N, classes) by output; 0 for other rows.

    Hinton et al., "Distilling the knowledge in a neural network", 2015,
    https://arxiv.org/abs/1503.02531; with a network of the same size: Furlanello et al.,
    "Born-again neural networks", ICML 2018, https://arxiv.org/abs/1805.04770.
    Faces are resized to the size that the checkpoint expects.
    Raises `UserError` if the checkpoint expects another alignment.
    """
    model, description = load_checkpoint(weight_file)
    expected, crop = description.crop, database.crop
    if expected.alignment != crop.alignment:
        raise UserError(
            f"--teacher: {weight_file}: expected a model of crops of {crop}, received {expected}"
        )
    found = {
        name: np.zeros((len(database), classes), np.float32)
        for name, classes in zip(OUTPUTS, (len(GENDERS), len(AGES)), strict=True)
    }
    with Progress(len(rows), "faces") as progress:
        for start in range(0, len(rows), _PREDICTED):
            some = rows[start : start + _PREDICTED]
            faces = np.stack([resize(face, expected.size) for face in database.image[some]])
            for name, values in zip(OUTPUTS, model.predict_on_batch(faces), strict=True):
                found[name][some] = values
            progress.update(len(some))
    return found


def validation_batches(
    device: SingleDevice,
    arguments: Arguments,
    database: Database,
    databases: list[Database],
    rows: np.ndarray,
) -> dict[str, FaceBatches]:
    """Batches of the validation rows, int64, by name of their database."""
    return {
        name: FaceBatches(database, own, arguments.batch_size, share=device.share)
        for name, own in rows_by_database(databases, rows).items()
    }
