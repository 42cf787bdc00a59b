"""Batches of faces, labels and sample weights, as Keras fits on them."""

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import keras
import numpy as np

from ..data.database import Database
from ..errors import UserError
from ..faces.images import resize
from ..labels import AGES, GENDERS, age_targets, gender_targets
from ..models.checkpoints import load_checkpoint
from ..models.description import OUTPUTS
from ..progress import Progress
from .arguments import Arguments
from .augment import augment, draw
from .distribution import Devices, has_accelerator
from .losses import class_weights

_THREADS = 4  # number of prefetching threads for an accelerator
_PREDICTED = 64  # faces per batch of the teacher, and of statistics
_STATISTICS = 1024  # faces


class FaceBatches(keras.utils.PyDataset):
    """Batches of some rows of a database.

    A batch is uint8 faces (n, S, S, 3), BGR; labels, a tuple in the order of `OUTPUTS` of
    distributions (n, 2) and (n, 101); and sample weights, a tuple of (n,), 0 for unknown labels.
    Its random state depends on seed, epoch and index alone: batches may be computed in any order.

    `known` is the number of rows with a known label per output. `waited` is the time in seconds
    spent waiting for batches, an upper bound of the device's.

    Args:
        database: faces and labels.
        rows: int64 (N,), of the database.
        arguments: of the run.
        is_training: whether the rows are shuffled in every epoch, and augmented.
        weights: class weights by output, float32, per row of the database.
        teacher: predictions by output, float32 (., classes), per row of the database; averaged with
            known labels, instead of unknown ones.
        epoch: the first epoch, counted from 0.
        threads: number of threads that prefetch batches; 0 is best if the CPU trains.
        devices: the devices that share each batch. If there are several, the last batch of an
            epoch, which may be smaller, is dropped in training, else filled up by faces of
            weight 0. Each process augments and mixes its own rows.
    """

    def __init__(
        self,
        database: Database,
        rows: np.ndarray,
        arguments: Arguments,
        *,
        is_training: bool = False,
        weights: dict[str, np.ndarray] | None = None,
        teacher: dict[str, np.ndarray] | None = None,
        epoch: int = 0,
        threads: int = 0,
        devices: Devices | None = None,
    ):
        super().__init__()
        self._database, self._rows = database, rows
        self._arguments, self._is_training = arguments, is_training
        self._weights, self._teacher = weights, teacher
        self._epoch = epoch - 1
        self._devices = devices or Devices(["cpu:0"])
        self._depth = 2 * threads  # prefetched batches
        self._pool = ThreadPoolExecutor(threads) if threads else None
        labels = database.gender[rows], database.age_low[rows]
        self.known = {
            name: int((~np.isnan(own)).sum()) for name, own in zip(OUTPUTS, labels, strict=True)
        }
        self.waited = 0.0
        self.on_epoch_end()

    def __len__(self) -> int:
        rows, size = len(self._rows), self._arguments.batch_size
        return rows // size if self._is_training and self._devices.are_many else -(-rows // size)

    @property
    def faces(self) -> int:
        """Number of faces per epoch."""
        return min(len(self._rows), len(self) * self._arguments.batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, tuple, tuple]:
        start = time.perf_counter()
        batch = self._take(index) if self._pool else self._make(self._order, self._epoch, index)
        self.waited += time.perf_counter() - start
        return batch

    def _take(self, index: int) -> tuple:
        """A prefetched batch; further ones are requested from the threads."""
        for later in range(index, min(index + self._depth, len(self))):
            if later not in self._futures:
                args = self._order, self._epoch, later
                self._futures[later] = self._pool.submit(self._make, *args)
        return self._futures.pop(index).result()

    def on_epoch_end(self) -> None:
        self._epoch += 1
        self._futures: dict[int, Future] = {}
        self._order = self._rows
        if self._is_training:
            rng = np.random.default_rng((self._arguments.seed, self._epoch, 0))
            self._order = rng.permutation(self._rows)

    def _make(self, order: np.ndarray, epoch: int, index: int) -> tuple:
        arguments = self._arguments
        rows = order[index * arguments.batch_size :][: arguments.batch_size]
        own, is_padding = self._devices.own_rows(len(rows))
        faces = self._database.image[rows[own]]
        labels, weights = self._labels(rows[own])
        if self._is_training and arguments.aug:
            state = arguments.seed, epoch, 1 + index, self._devices.process
            drawn = draw(np.random.default_rng(state), len(own), self._database.crop, arguments)
            faces, labels, weights = augment(faces, labels, weights, drawn)
        if is_padding.any():
            weights = [np.where(is_padding, 0, weight) for weight in weights]
        return faces, tuple(labels), tuple(weights)

    def _labels(self, rows: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Labels and sample weights by output."""
        data = self._database
        labels = [
            gender_targets(data.gender[rows]),
            age_targets(data.age_low[rows], data.age_high[rows]),
        ]
        known = [~np.isnan(data.gender[rows]), ~np.isnan(data.age_low[rows])]
        if self._teacher:
            for i, name in enumerate(OUTPUTS):
                predicted = self._teacher[name][rows]
                averaged = (labels[i] + predicted) / 2
                labels[i] = np.where(known[i][:, None], averaged, predicted)
                known[i] = np.ones(len(rows), bool)
        weights = [own.astype(np.float32) for own in known]
        if self._weights:
            weights = [w * self._weights[n][rows] for n, w in zip(OUTPUTS, weights, strict=True)]
        return labels, weights


def training_batches(
    devices: Devices, arguments: Arguments, database: Database, rows: np.ndarray, done: int
) -> FaceBatches:
    """Batches of the training rows, int64, from epoch `done` on."""
    weights = None
    if arguments.balance != "none":
        is_counted = np.isin(np.arange(len(database)), rows)
        columns = (database.age_low, database.age_high, database.gender)
        labels = [np.where(is_counted, column, np.nan) for column in columns]
        weights = class_weights(arguments, *labels)
    teacher = None
    if arguments.teacher and done < arguments.nb_epochs:
        teacher = predictions(Path(arguments.teacher), database, rows)
    return FaceBatches(
        database,
        rows,
        arguments,
        is_training=True,
        weights=weights,
        teacher=teacher,
        epoch=done,
        threads=_THREADS if has_accelerator() else 0,
        devices=devices,
    )


def statistics_faces(database: Database, rows: np.ndarray) -> Iterator[np.ndarray]:
    """Batches of about 1,000 of the training faces, for `estimate_statistics`."""
    rows = np.sort(np.random.default_rng(0).permutation(rows)[:_STATISTICS])
    for some in np.array_split(rows, -(-len(rows) // _PREDICTED)):
        yield database.image[some]


def predictions(weight_file: Path, database: Database, rows: np.ndarray) -> dict[str, np.ndarray]:
    """A checkpoint's predictions for `rows`, float32 (N, classes) by output; 0 for other rows.

    Hinton et al., "Distilling the knowledge in a neural network", 2015,
    https://arxiv.org/abs/1503.02531; with a network of the same size: Furlanello et al.,
    "Born-again neural networks", ICML 2018, https://arxiv.org/abs/1805.04770.
    Faces are resized for it. Raises `UserError` if it expects another alignment.
    """
    model, description = load_checkpoint(weight_file)
    expected, crop = description.crop, database.crop
    if expected.alignment != crop.alignment:
        raise UserError(
            f"--teacher: {weight_file}: expected a model of crops of {crop}, received {expected}"
        )
    classes = zip(OUTPUTS, (len(GENDERS), len(AGES)), strict=True)
    found = {name: np.zeros((len(database), count), np.float32) for name, count in classes}
    with Progress(len(rows), "faces") as progress:
        for some in np.array_split(rows, -(-len(rows) // _PREDICTED)):
            faces = np.stack([resize(face, expected.size) for face in database.image[some]])
            for name, values in zip(OUTPUTS, model.predict_on_batch(faces), strict=True):
                found[name][some] = values
            progress.update(len(some))
    return found
