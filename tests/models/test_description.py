"""src/models/description.py: the descriptions of files, and values that are rejected."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from src.errors import UserError
from src.faces.crop import FaceCrop
from src.models.description import Description, describe, read_description

DESCRIPTION = Description(
    {"name": "wide_resnet", "depth": 10, "scale": 1 / 255, "mirror": True},
    FaceCrop(32),
    data=[{"db": "wiki", "margin": None}, {"db": "utk", "margin": 0.4}],
    figures={"val_loss": 3.5},
    training={"age_mean": 38.25, "male_share": 0.58},
    calibration={"gender_temperature": 1.2, "age_temperature": 0.9, "faces": 50},
)


def read(values):
    return read_description(Path("w.hdf5"), json.dumps(values))


def test_description_round_trip():
    assert read(describe(DESCRIPTION)) == DESCRIPTION


def test_older_files_lack_fields():
    values = describe(DESCRIPTION)
    for name in ("training", "calibration", "split"):
        del values[name]
    assert read(values) == replace(DESCRIPTION, training=None, calibration=None)


@pytest.mark.parametrize("text", ["{", "[]", "{}", "null", "[" * 100_000])
def test_damaged_description_is_rejected(text):
    with pytest.raises(UserError, match=r"w\.hdf5"):
        read_description(Path("w.hdf5"), text)


@pytest.mark.parametrize("value", [None, "x", 10**400, float("nan"), {"name": 3}, [[1]]])
@pytest.mark.parametrize("field", ["architecture", "crop", "data"])
def test_values_of_other_types_are_rejected(field, value):
    with pytest.raises(UserError, match=rf"(?i)w\.hdf5: .*{field}"):
        read(describe(DESCRIPTION) | {field: value})


@pytest.mark.parametrize(
    "field, value",
    [
        ("crop", {"size": 2000, "margin": 0.4, "alignment": "none"}),
        ("crop", {"size": 64, "margin": "wide", "alignment": "none"}),
        ("crop", {"size": 64, "margin": 0.4, "alignment": "eyes"}),
        ("figures", {"val_loss": "low"}),
        ("training", {"age_mean": 300, "male_share": 0.5}),
        ("calibration", {"gender_temperature": 0, "age_temperature": 1, "faces": 5}),
        ("calibration", {"gender_temperature": 1, "age_temperatures": 1, "faces": 5}),
        ("split", "hash"),
    ],
)
def test_values_out_of_range_are_rejected(field, value):
    with pytest.raises(UserError, match=rf"w\.hdf5: .*{field}"):
        read(describe(DESCRIPTION) | {field: value})


@pytest.mark.parametrize(
    "align, crop",
    [("none", FaceCrop(32, 0.3)), ("five_points", FaceCrop(32, 0.0, "five_points"))],
)
def test_crop_of_version_0_1(align, crop):
    values = describe(DESCRIPTION) | {"img_size": 32, "margin": 0.3, "align": align}
    del values["crop"]
    assert read(values).crop == crop
