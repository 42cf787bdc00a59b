"""One network of several: its weights are the mean of theirs.

Of runs that share their beginning the mean is often better than each. Wortsman et al., "Model
soups", ICML 2022, https://arxiv.org/abs/2203.05482.
"""

from pathlib import Path

import numpy as np

from src.errors import UserError
from src.models.checkpoints import load_checkpoint, save_checkpoint


def average(weight_files: list[Path], output: Path, depth: int = 16, width: int = 8) -> None:
    """Write the checkpoint `output`; it says of itself what the first of `weight_files` does.

    Raises `UserError` where one is of another network than the first, or takes other faces.
    """
    loaded = [load_checkpoint(path, depth, width) for path in weight_files]
    model, description = loaded[0]
    for path, (_, other) in zip(weight_files, loaded, strict=True):
        for what in ("architecture", "img_size", "align", "split"):
            here, there = getattr(description, what), getattr(other, what)
            if here != there:
                raise UserError(
                    f"--average: expected the {what} of {weight_files[0]}, {here}, received {path} "
                    f"with {there}"
                )
    weights = zip(*(network.get_weights() for network, _ in loaded), strict=True)
    model.set_weights([np.mean(same, axis=0) for same in weights])
    save_checkpoint(output, model, description)
