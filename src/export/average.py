"""Mean of the weights of several checkpoints of one network.

The mean of runs with the same initial weights is often better than each of them. Wortsman et al.,
"Model soups", ICML 2022, https://arxiv.org/abs/2203.05482.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from ..data.identities import Identities
from ..data.split import read_split
from ..errors import UserError
from ..models.checkpoints import load_checkpoint, save_checkpoint
from ..models.description import Description, Original
from ..models.statistics import estimate_statistics
from .faces import open_fitting

_BATCH, _BATCHES = 64, 16  # faces for the statistics of batch normalizations


def average(
    weight_files: list[Path], output: Path, database: Path | None, original: Original = Original()
) -> None:
    """Write the mean of several weight files as a checkpoint.

    It has the description of the first file, the data and the identities of all files, and no
    validation metrics, as the mean was not validated.

    Args:
        weight_files: checkpoints of the same network, faces and split.
        output: path of the checkpoint.
        database: faces on which the statistics of batch normalizations are estimated again.
        original: network of files of the original toolkit.

    Raises:
        UserError: The files do not fit, one is calibrated, or the network needs a database.
    """
    loaded = [load_checkpoint(path, original) for path in weight_files]
    model, description = loaded[0]
    for path, (_, other) in zip(weight_files, loaded, strict=True):
        if other.calibration:
            raise UserError(
                f"--average: expected weight files that are not calibrated, received {path}, "
                f"calibrated on {other.calibration['faces']:,} faces; pass the file that it was "
                "made from, and calibrate the mean with --calibrate"
            )
        for name in ("architecture", "mirror", "crop", "split"):
            here, there = getattr(description, name), getattr(other, name)
            if name == "split":
                here, there = read_split(here), read_split(there)
            if here != there:
                raise UserError(
                    f"--average: expected the {name} of {weight_files[0]}, {here}, received {path} "
                    f"with {there}"
                )
    weights = zip(*(network.get_weights() for network, _ in loaded), strict=True)
    model.set_weights([np.mean(layer, axis=0) for layer in weights])
    description = _joined([description for _, description in loaded])
    if any(isinstance(layer, keras.layers.BatchNormalization) for layer in model.layers):
        if not database:
            raise UserError(
                "--average requires --input, a training database: the statistics of the batch "
                "normalizations of the mean are estimated on its faces"
            )
        estimate_statistics(model, _batches(database, description))
    save_checkpoint(output, model, description)


def _batches(path: Path, description: Description) -> Iterator[np.ndarray]:
    """Random training faces, uint8 (64, S, S, 3): none of the validation or the test set."""
    database = open_fitting(path, description.crop)
    order = np.random.default_rng(0).permutation(len(database))
    if description.identities:
        parts = description.identities.parts_of(database.identity_kind, database.identities)
        order = order[~np.isin(parts[order], ("validation", "test"))]
    order = order[: _BATCH * _BATCHES]
    for start in range(0, max(len(order) - _BATCH, 0) + 1, _BATCH):
        yield database.image[np.sort(order[start : start + _BATCH])]


def _joined(descriptions: list[Description]) -> Description:
    data = [part for description in descriptions for part in description.data]
    known = [description.identities for description in descriptions if description.identities]
    return replace(
        descriptions[0],
        data=[part for number, part in enumerate(data) if part not in data[:number]],
        metrics={},
        identities=Identities.of(list for one in known for list in one.items()) if known else None,
    )
