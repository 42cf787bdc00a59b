"""src/export/original.py, against the original toolkit's network in numpy."""

from pathlib import Path

import numpy as np
import pytest

from src.errors import UserError
from src.estimation.estimator import Estimator
from src.export import export as module
from src.export.arguments import Arguments
from src.export.faces import portrait_faces
from src.faces.crop import FaceCrop
from src.models import build_model
from src.models.checkpoints import save_checkpoint
from src.models.description import Description
from tests.models.reference import fill, read_weights, wide_resnet

ARCHITECTURE = {"name": "wide_resnet", "depth": 10, "width": 1}
FLAT = {**ARCHITECTURE, "pool": "8x8"}  # the original's head, but for our scaling
ORIGINAL = {**FLAT, "scale": 1}


def write_checkpoint(path: Path, architecture: dict, size: int) -> Path:
    model = build_model(architecture, size)
    fill(model)
    save_checkpoint(path, model, Description(architecture, FaceCrop(size)))
    return path


def export(checkpoint: Path, output: Path, **flags) -> None:
    module.export(Arguments(weight_file=checkpoint, format="legacy", output=output, **flags))


@pytest.fixture(scope="module", params=[(ARCHITECTURE, 32), (ARCHITECTURE, 64), (FLAT, 32)])
def exported(request, tmp_path_factory) -> tuple[Path, Path, int]:
    """A checkpoint, its conversion, and the side of its faces."""
    folder = tmp_path_factory.mktemp("legacy")
    architecture, size = request.param
    checkpoint = write_checkpoint(folder / "ours.hdf5", architecture, size)
    export(checkpoint, folder / "theirs.hdf5")
    return checkpoint, folder / "theirs.hdf5", size


def test_original_network_predicts_the_same(exported):
    checkpoint, path, size = exported
    faces = portrait_faces(FaceCrop(size)).image[:4]
    weights = read_weights(path)
    gender, age = wide_resnet(faces, weights, pool="8x8", scale=1)
    estimates = Estimator(checkpoint)(faces)
    assert estimates.age.std() > 0.01
    np.testing.assert_allclose(gender[:, 0], estimates.p_female, atol=1e-5)
    np.testing.assert_allclose(age, estimates.age_distribution, atol=1e-5)


@pytest.mark.parametrize(
    "change, size, mirror, words",
    [
        ({}, 48, False, "multiple of 32 pixels.* 48 pixels; use --format hdf5"),
        ({}, 32, True, "mirror True"),
        ({"age_head": "conditional"}, 32, False, "with a softmax.* 'conditional'"),
    ],
)
def test_networks_that_the_original_lacks(tmp_path, change, size, mirror, words):
    checkpoint = write_checkpoint(tmp_path / "ours.hdf5", ARCHITECTURE | change, size)
    with pytest.raises(UserError, match=words):
        export(checkpoint, tmp_path / "theirs.hdf5", mirror=mirror)
    assert [path.name for path in tmp_path.iterdir()] == ["ours.hdf5"]
