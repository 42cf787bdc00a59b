"""Averages of weights."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from keras.layers import BatchNormalization

from src.data.database import open_database
from src.data.identities import Identities
from src.errors import UserError
from src.export.average import _training_faces, average
from src.faces.crop import FaceCrop
from src.models import build_model
from src.models.checkpoints import load_checkpoint, save_checkpoint
from src.models.description import Description
from tests.helpers import write_database
from tests.models.reference import fill

NETWORK = {"name": "small_cnn"}


@pytest.fixture
def written(tmp_path):
    """Writer of checkpoints with weights multiplied by `factor`."""

    def write(factor, architecture=NETWORK, **values):
        model = build_model(architecture, 32)
        fill(model)
        model.set_weights([weight * factor for weight in model.get_weights()])
        path = tmp_path / f"{factor}.hdf5"
        save_checkpoint(
            path, model, replace(Description(architecture, FaceCrop(32, 0.3)), **values)
        )
        return path

    return write


def test_mean_of_weights(written, tmp_path):
    paths = [written(1), written(2), written(6)]
    average(paths, tmp_path / "mean.hdf5", write_database(tmp_path / "wiki.mat", img_size=32))
    model, description = load_checkpoint(tmp_path / "mean.hdf5")
    once, _ = load_checkpoint(paths[0])
    for mean, weight in zip(model.trainable_weights, once.trainable_weights, strict=True):
        np.testing.assert_allclose(mean, 3 * weight.numpy(), rtol=1e-6)
    assert description.crop.margin == 0.3


def test_normalizations_are_estimated_on_faces(tmp_path):
    """A normalization has the means of its inputs in the averaged network, computed here."""
    architecture = {"name": "wide_resnet", "depth": 10, "width": 1}
    paths = []
    for seed in range(2):
        keras.utils.set_random_seed(seed)
        model = build_model(architecture, 32)
        paths.append(tmp_path / f"{seed}.hdf5")
        save_checkpoint(paths[-1], model, Description(architecture, FaceCrop(32, 0.3)))
    database = write_database(tmp_path / "wiki.mat", 128, img_size=32)
    faces = open_database(database)
    held_out = Identities.of([(faces.identity_kind, "validation", faces.identities)])
    with pytest.raises(UserError, match=r"--input: .* training set, .* held-out"):
        _training_faces(database, Description({}, FaceCrop(32), identities=held_out))
    average(paths, tmp_path / "mean.hdf5", database)
    model, _ = load_checkpoint(tmp_path / "mean.hdf5")
    norm = next(each for each in model.layers if isinstance(each, BatchNormalization))
    inputs = keras.Model(model.inputs, norm.input).predict(open_database(database).image[:])
    np.testing.assert_allclose(norm.moving_mean, inputs.mean((0, 1, 2)), rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(norm.moving_variance, inputs.var((0, 1, 2)), rtol=1e-2)


CALIBRATION = {"gender_temperature": 1.1, "age_temperature": 0.9, "faces": 4621}


@pytest.mark.parametrize(
    "architecture, values, words",
    [
        (NETWORK | {"channels": 2}, {}, r"architecture of .*1\.hdf5.*2\.hdf5"),
        (NETWORK, {"calibration": CALIBRATION}, r"calibration of .*2\.hdf5.*4621"),
    ],
)
def test_files_that_do_not_fit(written, tmp_path, architecture, values, words):
    paths = [written(1), written(2, architecture, **values)]
    with pytest.raises(UserError, match=f"--average: expected the {words}"):
        average(paths, tmp_path / "mean.hdf5", None)
    assert not (tmp_path / "mean.hdf5").exists()


def test_faces_of_all_files(written, tmp_path):
    ids = np.arange(9, dtype=np.uint64)
    one, two = (
        {"data": [{"db": db, "identity": "bytes"}], "metrics": {"val_loss": 1.0}}
        for db in ("wiki", "utkface")
    )
    one["identities"] = Identities.of(
        [("bytes", "training", ids[:3]), ("bytes", "validation", ids[3:5])]
    )
    two["identities"] = Identities.of([("bytes", "training", ids[4:8])])
    database = write_database(tmp_path / "wiki.mat", img_size=32)
    average([written(1, **one), written(2, **two)], tmp_path / "mean.hdf5", database)
    _, description = load_checkpoint(tmp_path / "mean.hdf5")
    assert [part["db"] for part in description.data] == ["wiki", "utkface"]
    parts = description.identities.parts_of("bytes", ids).tolist()
    assert parts == ["training"] * 3 + ["validation"] + ["training"] * 4 + [""]
    assert description.metrics == {}
