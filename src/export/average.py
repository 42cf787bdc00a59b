"""Mean of the weights of several checkpoints of one network.

The mean of runs with the same initial weights is often better than each of them. Wortsman et al.,
"Model soups", ICML 2022, https://arxiv.org/abs/2203.05482.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from ..data.identities import Identities
from ..errors import UserError
from ..models.checkpoints import load_checkpoint, save_checkpoint
from ..models.description import Description, Original
from ..models.statistics import estimate_statistics
from .faces import open_fitting

_MAX_FACES, _BATCH = 1024, 64  # for the statistics of batch normalizations


def average(
    weight_files: list[Path], output: Path, database: Path, original: Original = Original()
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
        UserError: The files do not fit, or the database has held-out faces only.
    """
    loaded = [load_checkpoint(path, original) for path in weight_files]
    model, description = loaded[0]
    for path, (_, other) in zip(weight_files, loaded, strict=True):
        for name in ("architecture", "mirror", "crop", "calibration", "split"):
            here, there = getattr(description, name), getattr(other, name)
            if here != there:
                text = f"--average: expected the {name} of {weight_files[0]}, {here}"
                raise UserError(f"{text}, received {path} with {there}")
    weights = zip(*(network.get_weights() for network, _ in loaded), strict=True)
    model.set_weights([np.mean(layer, axis=0) for layer in weights])
    description = _joined([description for _, description in loaded])
    faces = _training_faces(database, description)
    estimate_statistics(model, np.array_split(faces, max(1, len(faces) // _BATCH)))
    save_checkpoint(output, model, description)


def _training_faces(path: Path, description: Description) -> np.ndarray:
    """Up to 1,024 random faces, uint8 (N, S, S, 3): none of the validation or the test set."""
    database = open_fitting(path, description.crop)
    order = np.random.default_rng(0).permutation(len(database))
    if description.identities:
        parts = description.identities.parts_of(database.identity_kind, database.identities)
        order = order[~np.isin(parts[order], ("validation", "test"))]
    if not len(order):
        raise UserError(f"--input: expected faces of the training set, {path} has held-out ones")
    return database.image[np.sort(order[:_MAX_FACES])]


def _joined(descriptions: list[Description]) -> Description:
    """The first description with the data and the identities of all, without metrics."""
    data = [part for description in descriptions for part in description.data]
    known = [description.identities for description in descriptions if description.identities]
    return replace(
        descriptions[0],
        data=[part for index, part in enumerate(data) if part not in data[:index]],
        metrics={},
        identities=Identities.of(each for ids in known for each in ids.items()) if known else None,
    )
