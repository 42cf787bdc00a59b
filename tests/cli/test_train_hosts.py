"""train.py on two hosts, both on this machine: JAX only."""

import importlib.util
import os
import socket
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from tests.helpers import ROOT, run, write_database

pytestmark = pytest.mark.skipif(not importlib.util.find_spec("jax"), reason="needs jax")

# 24 faces to train on, 9 to validate on: the last one shares a batch.
FLAGS = ("--depth", "10", "--width", "1", "--batch_size", "8", "--nb_epochs", "2")
FLAGS += ("--lr", "0.001", "--validation_split", "0.26", "--ema", "0.9", "--clip_norm", "1")
ENVIRONMENT = {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    return write_database(tmp_path_factory.mktemp("database") / "wiki.mat", count=33)


@pytest.fixture
def start(database):
    """Starts train.py on both hosts, with their flags; they are killed at the end of the test."""
    processes = []

    def started(out: Path, *flags: tuple) -> list[subprocess.CompletedProcess]:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{listener.getsockname()[1]}"
        command = ["train.py", "-i", database, "--output_path", out, *FLAGS]
        command += ["--hosts", address, "--num_hosts", "2", "--host_id"]
        for host, own in enumerate(flags):
            processes.append(
                subprocess.Popen(
                    [sys.executable, *map(str, [*command, host, *own])],
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                    cwd=ROOT,
                    env=os.environ | ENVIRONMENT,
                )
            )
        done = []
        for process in processes:
            out, errors = process.communicate(timeout=900)
            done.append(subprocess.CompletedProcess([], process.returncode, out, errors))
        return done

    yield started
    for process in processes:
        process.kill()


def test_two_hosts_equal_one(database, start, tmp_path):
    together, alone = tmp_path / "together", tmp_path / "alone"
    first, other = start(together, (), ())
    assert (first.returncode, other.returncode) == (0, 0), first.stderr + other.stderr
    assert "Epoch 1/2" in first.stdout and "Epoch" not in other.stdout  # one host prints
    done = run("train.py", "-i", database, "--output_path", alone, *FLAGS, **ENVIRONMENT)
    assert done.returncode == 0, done.stderr
    expected, found = (
        pd.read_csv(folder / "history.csv").drop(columns=["faces_per_second", "data_wait"])
        for folder in (alone, together)
    )
    pd.testing.assert_frame_equal(found, expected, rtol=1e-4)
    with h5py.File(together / "state.hdf5") as one, h5py.File(alone / "state.hdf5") as other:
        for name in one:
            np.testing.assert_allclose(one[name][()], other[name][()], atol=1e-4)


def test_hosts_with_different_flags(start, tmp_path):
    done = start(tmp_path / "out", ("--seed", "0"), ("--seed", "1"))
    for host in done:
        assert host.returncode != 0
        assert "--hosts: expected the same flags" in host.stderr
    assert not (tmp_path / "out").exists()
