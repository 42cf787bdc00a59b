"""ONNX copies of weight files in a cache folder."""

import numpy as np
import pytest

from src.errors import UserError
from src.estimation.estimator import Estimator
from src.export.cached import cached_onnx
from src.models.description import Original
from tests.helpers import names


def test_copy_agrees_and_is_kept(exports, tmp_path):
    checkpoint = exports["hdf5"]
    path = cached_onnx(checkpoint, tmp_path / "cache", Original())
    faces = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), np.uint8)
    keras, onnx = Estimator(checkpoint)(faces), Estimator(path)(faces)
    np.testing.assert_allclose(onnx.p_female, keras.p_female, atol=1e-4)
    np.testing.assert_allclose(onnx.age_distribution, keras.age_distribution, atol=1e-4)
    np.testing.assert_allclose(onnx.age, keras.age, atol=1e-3)  # years
    made = path.stat().st_mtime_ns
    assert cached_onnx(checkpoint, tmp_path / "cache", Original()) == path
    assert path.stat().st_mtime_ns == made
    assert names(path.parent) == {path.name, f"{path.name}.json"}


def test_other_weights_another_copy(exports, tmp_path):
    other = tmp_path / exports["hdf5"].name
    other.write_bytes(exports["hdf5"].read_bytes() + b" ")  # HDF5 ignores what follows
    copies = {cached_onnx(path, tmp_path, Original()) for path in (exports["hdf5"], other)}
    assert len(copies) == 2


def test_exports_rejected(exports, tmp_path):
    with pytest.raises(UserError, match=rf"--cache: .*{exports['litert'].name}"):
        cached_onnx(exports["litert"], tmp_path, Original())
