"""src/training/distribution.py: several devices, simulated on a CPU, equal one."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import h5py
import keras
import numpy as np
import pandas as pd
import pytest

from src.errors import UserError
from src.training.arguments import Arguments
from src.training.distribution import Devices, distributed
from tests.helpers import ROOT, write_database

ENGINES = ("tensorflow", "jax")
TIMED = ["faces_per_second", "data_wait"]
TWO_RUNS = """
import sys
from pathlib import Path

if sys.argv[1] == "tensorflow":
    import tensorflow as tf

    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)

import tests.helpers  # registers small_cnn
from src.training.arguments import Arguments
from src.training.fit import train

folder = Path(sys.argv[2])
for distribute in (False, True):
    train(
        Arguments(
            [folder / "wiki.mat"], folder / str(distribute), batch_size=8, nb_epochs=2, lr=0.01,
            arch="small_cnn", validation_split=0.26, aug="strong", balance="sqrt", ema=0.9,
            distribute=distribute,
        )
    )
"""  # on 24 faces, and validated on 9, the last of which shares a batch


@pytest.fixture(scope="module", params=ENGINES)
def runs(request, tmp_path_factory):
    """The printed lines, and the folders of a run on one device and of the same run on two."""
    if not importlib.util.find_spec(request.param):
        pytest.skip(f"needs {request.param}")
    folder = tmp_path_factory.mktemp("runs")
    write_database(folder / "wiki.mat", count=33)
    environment = {
        "KERAS_BACKEND": request.param,
        "PYTHONPATH": str(ROOT),
        "XLA_FLAGS": "--xla_force_host_platform_device_count=2",
    }
    done = subprocess.run(
        [sys.executable, "-c", TWO_RUNS, request.param, str(folder)],
        capture_output=True,
        text=True,
        env=os.environ | environment,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, folder / "False", folder / "True"


def test_same_losses_as_one_device(runs):
    printed, alone, together = runs
    assert "\ncpu:0, cpu:1; " in printed
    expected, found = (pd.read_csv(folder / "history.csv") for folder in (alone, together))
    assert len(found) == 2
    pd.testing.assert_frame_equal(found.drop(columns=TIMED), expected.drop(columns=TIMED))


def test_same_weights_as_one_device(runs):
    _, alone, together = runs
    with h5py.File(alone / "state.hdf5") as expected, h5py.File(together / "state.hdf5") as found:
        assert set(found) == set(expected)
        for name in expected:
            np.testing.assert_allclose(found[name][()], expected[name][()], atol=1e-5)


@pytest.mark.parametrize("rows, process, expected, padding", [
    (8, 0, [0, 1, 2, 3], 0), (8, 1, [4, 5, 6, 7], 0), (5, 1, [4, 4, 4, 4], 3), (1, 0, [0, 0], 1),
])  # fmt: skip
def test_own_rows_of_a_batch(rows, process, expected, padding):
    own, is_padding = Devices(["cpu:0"] * 4, process, 2).own_rows(rows)
    assert own.tolist() == expected
    assert is_padding.tolist() == [False] * (len(own) - padding) + [True] * padding


def test_accumulation_needs_jax():
    if keras.backend.backend() == "tensorflow":
        with pytest.raises(UserError, match=r"--accumulate: .*--distribute"):
            with distributed(Arguments([Path("a.mat")], distribute=True, accumulate=2)):
                pass


def test_batch_must_divide(monkeypatch):
    monkeypatch.setattr(keras.distribution, "list_devices", lambda: ["gpu:0", "gpu:1", "gpu:2"])
    with pytest.raises(UserError, match=r"--batch_size: .*3 devices.*received 32.*33"):
        with distributed(Arguments([Path("wiki.mat")], distribute=True)):
            pass


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="needs another backend than JAX")
def test_several_hosts_need_jax():
    with pytest.raises(UserError, match=r"found tensorflow.*set KERAS_BACKEND=jax"):
        with distributed(Arguments([Path("wiki.mat")], hosts="localhost:1", num_hosts=2)):
            pass
