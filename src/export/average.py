"""Mean of the weights of several checkpoints of one network.

The mean of runs with the same initial weights is often better than each of them. Wortsman et al.,
"Model soups", ICML 2022, https://arxiv.org/abs/2203.05482.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from ..data.identities import Identities
from ..data.split import read_split
from ..errors import UserError
from ..models.checkpoints import load_checkpoint, save_checkpoint
from ..models.description import Description, Original


def average(weight_files: list[Path], output: Path, original: Original = Original()) -> None:
    """Write the checkpoint `output`, with the description of the first of `weight_files`.

    It has the data and the identities of all files, and no validation metrics, as the mean was not
    validated. Raises `UserError` if the network, its faces or its split differ from the first
    file's, or a file is calibrated.
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
    save_checkpoint(output, model, _joined([description for _, description in loaded]))


def _joined(descriptions: list[Description]) -> Description:
    data = [part for description in descriptions for part in description.data]
    known = [description.identities for description in descriptions if description.identities]
    return replace(
        descriptions[0],
        data=[part for number, part in enumerate(data) if part not in data[:number]],
        metrics={},
        identities=Identities.of(list for one in known for list in one.items()) if known else None,
    )
