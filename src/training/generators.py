"""Batches of faces and targets, as Keras fits on them."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import keras
import numpy as np

from src.data.database import Database
from src.labels import age_targets, gender_targets
from src.models.description import OUTPUTS
from src.training.augment import ERASING_PROBABILITY, MIXUP_ALPHA, augment, draw, part


class FaceBatches(keras.utils.PyDataset):
    """Batches of some rows of a database.

    A batch is uint8 faces (n, S, S, 3), BGR, and a dict of the targets `pred_gender` (n, 2) and
    `pred_age` (n, 101). The last batch of an epoch may be smaller. With `shuffle` the order changes
    every epoch; every batch draws from a random state of its own, made from seed, epoch and number,
    so that it does not matter which is asked for first.

    `waited` is the time in seconds that was spent in waiting for batches, which is as long as the
    device can have waited at most.

    threads: how many make batches ahead; 0 to make each when it is asked for, which costs least
        where a CPU trains, and so has no core to spare.
    aug: one of `augment.KINDS`, or None; erasing, mixup: as `augment.draw` takes them.
    epoch: the first one, counted from 0.
    weights: how much each row of the database counts, float32 (N,) by output; what its targets are
        multiplied with.
    share: which of a batch's n rows to give, int64, where several devices share it. All draw for
        the whole batch.
    """

    def __init__(
        self,
        database: Database,
        rows: np.ndarray,
        batch_size: int,
        *,
        shuffle: bool = False,
        aug: str | None = None,
        erasing: float = ERASING_PROBABILITY,
        mixup: float = MIXUP_ALPHA,
        weights: dict[str, np.ndarray] | None = None,
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
        """A batch that threads have made, or make now, with those that follow it."""
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
            how = data.img_size, self._aug, self._erasing, self._mixup
            given, drawn = part(draw(rng, len(rows), *how), given)
        rows = rows[given]
        faces = data.image[rows]
        targets = (
            gender_targets(data.gender[rows]),
            age_targets(data.age_low[rows], data.age_high[rows]),
        )
        if self._weights:
            weights = (self._weights[name][rows, None] for name in OUTPUTS)
            targets = tuple(w * target for w, target in zip(weights, targets, strict=True))
        if self._aug:
            faces, targets = augment(faces, targets, drawn)
        return faces, dict(zip(OUTPUTS, targets, strict=True))

    def count(self, figure: str) -> int:
        """The rows that a figure of Keras is of: metrics skip those whose label is unknown."""
        known = {"pred_gender": self._database.gender, "pred_age": self._database.age_low}
        output = next((name for name in known if figure.startswith(name)), None)
        if output is None or figure.endswith("loss"):
            return len(self._rows)
        return int((~np.isnan(known[output][self._rows])).sum())
