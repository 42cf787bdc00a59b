"""Descriptions in files, older ones too."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from src.data.identities import Identities
from src.errors import UserError
from src.faces.crop import FaceCrop
from src.models.description import Description, describe, read_description

DESCRIPTION = Description(
    {"name": "wide_resnet", "depth": 10, "scale": 1 / 255},
    FaceCrop(32),
    data=[{"db": "wiki", "margin": None}, {"db": "utk", "margin": 0.4}],
    metrics={"val_loss": 3.5},
    training={"age_mean": 38.25, "male_share": 0.58},
    calibration={"gender_temperature": 1.2, "age_temperature": 0.9, "faces": 50},
    split={"method": "hash", "validation_split": 0.1, "test_split": 0.0, "seed": 0},
    mirror=True,
    identities=Identities({"bytes": {"training": np.array([3, 2**64 - 1], np.uint64)}}),
)


def read(values):
    return read_description(Path("w.hdf5"), json.dumps(values))


def test_margins_of_model_and_data():
    data = [{"margin": 0.4}, {"margin": 0.12}, {"margin": None}, {"db": "of before margins"}]
    assert Description({}, FaceCrop(32, 0.4), data=data).margins == [0.4, 0.12]
    assert Description({}, FaceCrop(32, 0.25)).margins == [0.25]


def test_description_round_trip():
    assert read(describe(DESCRIPTION)) == DESCRIPTION


def test_description_of_version_0_2():
    values = describe(DESCRIPTION)
    for name in ("training", "calibration", "split", "mirror", "identities"):
        del values[name]
    values["figures"] = values.pop("metrics")
    values["architecture"]["mirror"] = True
    older = {"training": None, "calibration": None, "split": None, "identities": None}
    assert read(values) == replace(DESCRIPTION, **older)


@pytest.mark.parametrize("text", ["{", "[]", "{}", "null", '{"crop": 3}'])
def test_damaged_description_is_rejected(text):
    with pytest.raises(UserError, match=r"w\.hdf5"):
        read_description(Path("w.hdf5"), text)


@pytest.mark.parametrize(
    "align, crop",
    [("none", FaceCrop(32, 0.3)), ("five_points", FaceCrop(32, 0.0, "five_points"))],
)
def test_crop_of_version_0_1(align, crop):
    values = describe(DESCRIPTION) | {"img_size": 32, "margin": 0.3, "align": align}
    del values["crop"]
    assert read(values).crop == crop


def test_unknown_alignment_is_rejected():
    crop = {"size": 64, "margin": 0.4, "alignment": "eyes"}
    with pytest.raises(UserError, match=r"w\.hdf5: .*eyes"):
        read(describe(DESCRIPTION) | {"crop": crop})
