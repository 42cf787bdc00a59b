"""Batches of faces and targets, as Keras fits on them."""

import keras
import numpy as np

from src.data.database import Database
from src.labels import age_targets, gender_targets
from src.models.heads import OUTPUTS
from src.training.augment import augment, draw


class FaceBatches(keras.utils.PyDataset):
    """Batches of some rows of a database.

    A batch is uint8 faces (n, S, S, 3), BGR, and a dict of the targets `pred_gender` (n, 2) and
    `pred_age` (n, 101). The last batch of an epoch may be smaller. With `shuffle` the order changes
    every epoch; every batch draws from a random state of its own, made from seed, epoch and number,
    so that it does not matter which is asked for first.
    """

    def __init__(
        self,
        database: Database,
        rows: np.ndarray,
        batch_size: int,
        *,
        shuffle: bool = False,
        aug: bool = False,
        seed: int = 0,
    ):
        super().__init__()
        self._database = database
        self._rows = rows
        self._batch_size = batch_size
        self._shuffle = shuffle
        self._aug = aug
        self._seed = seed
        self._epoch = -1
        self.on_epoch_end()

    def __len__(self) -> int:
        return -(-len(self._rows) // self._batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        start = index * self._batch_size
        rows = self._order[start : start + self._batch_size]
        faces, data = self._database.image[rows], self._database
        targets = (
            gender_targets(data.gender[rows]),
            age_targets(data.age_low[rows], data.age_high[rows]),
        )
        if self._aug:
            rng = np.random.default_rng((self._seed, self._epoch, 1 + index))
            faces, targets = augment(faces, targets, draw(rng, len(faces), data.img_size))
        return faces, dict(zip(OUTPUTS, targets, strict=True))

    def on_epoch_end(self) -> None:
        self._epoch += 1
        self._order = self._rows
        if self._shuffle:
            rng = np.random.default_rng((self._seed, self._epoch, 0))
            self._order = rng.permutation(self._rows)
