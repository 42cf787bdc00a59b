"""train.py on two hosts, both on this machine: JAX only."""

import importlib.util
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from tests.helpers import ROOT, assert_one_line_error, run, write_database

pytestmark = pytest.mark.skipif(not importlib.util.find_spec("jax"), reason="needs jax")

# 27 faces to train on: three batches of 8, and one of 3 for two hosts.
FLAGS = ("--depth", "10", "--width", "1", "--batch_size", "8", "--nb_epochs", "8", "--aug")
FLAGS += ("--lr", "0.001", "--validation_split", "0.26")
ENVIRONMENT = {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
# Runs train.py, and saves the state of a further host in a separate folder.
WITH_STATE = """
import runpy, sys
from pathlib import Path
from src.training import fit, state

folder = Path(sys.argv.pop(1))
state.is_first_host = lambda: True
fit.SavedState = lambda _, *values: state.SavedState(folder, *values)
sys.argv[0] = "train.py"
runpy.run_path("train.py", run_name="__main__")
"""


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    return write_database(tmp_path_factory.mktemp("database") / "wiki.mat", count=37)


@pytest.fixture
def start():
    """Start train.py on a host; it is killed at the end of the test."""
    processes = []

    def started(*args, script=("train.py",), **environment) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, *script, *map(str, args)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=os.environ | ENVIRONMENT | {"PYTHONPATH": str(ROOT)} | environment,
        )
        processes.append(process)
        return process

    yield started
    for process in processes:
        process.kill()
        process.communicate()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def ended(process: subprocess.Popen, timeout: float = 600) -> subprocess.CompletedProcess:
    out, errors = process.communicate(timeout=timeout)
    return subprocess.CompletedProcess(process.args, process.returncode, out, errors)


def wait_for(path: Path, process: subprocess.Popen) -> None:
    """Wait until `process` has written a file."""
    latest = time.monotonic() + 600
    while not path.exists() and time.monotonic() < latest:
        assert process.poll() is None, ended(process).stderr
        time.sleep(0.05)


def lose(start, database, out, host: int) -> subprocess.CompletedProcess:
    """Kill one of two hosts after an epoch; returns the end of the other within two minutes."""
    variables = {
        "JAX_COORDINATOR_ADDRESS": f"127.0.0.1:{free_port()}",
        "JAX_NUM_PROCESSES": "2",
    }
    command = ("-i", database, "--output_path", out, *FLAGS, "--hosts", "auto")
    hosts = [start(*command, **variables, JAX_PROCESS_ID=str(number)) for number in (0, 1)]
    wait_for(out / "state.hdf5", hosts[0])
    hosts[host].kill()
    return ended(hosts[1 - host], timeout=120)


def state(folder: Path) -> dict[str, np.ndarray]:
    with h5py.File(folder / "state.hdf5") as file:
        return {name: file[name][()] for name in file}


def test_resume_after_a_lost_host(database, start, tmp_path):
    out, second, alone = (tmp_path / name for name in ("out", "second", "alone"))
    survivor = lose(start, database, out, host=1)
    assert_one_line_error(survivor, "train.py", "another host was lost", "--resume")
    assert 1 <= len(pd.read_csv(out / "history.csv")) < 8

    second.mkdir()
    command = ("-i", database, "--output_path", out, *FLAGS, "--resume")
    command += ("--hosts", f"127.0.0.1:{free_port()}", "--num_hosts", 2, "--host_id")
    hosts = start(*command, 0), start(*command, 1, script=("-c", WITH_STATE, str(second)))
    first, other = map(ended, hosts)
    assert (first.returncode, first.stderr, other.returncode, other.stderr) == (0, "", 0, "")
    assert other.stdout == ""  # only the first host prints
    assert [path.name for path in second.iterdir()] == ["state.hdf5"]

    done = run("train.py", "-i", database, "--output_path", alone, *FLAGS, **ENVIRONMENT)
    assert done.returncode == 0, done.stderr
    expected, found = (
        pd.read_csv(folder / "history.csv").drop(columns=["faces_per_second", "data_wait"])
        for folder in (alone, out)
    )
    pd.testing.assert_frame_equal(found, expected, rtol=1e-4)
    weights = state(out)
    for name, value in state(second).items():
        np.testing.assert_array_equal(value, weights[name])
    for name, value in state(alone).items():
        np.testing.assert_allclose(value, weights[name], atol=1e-4)


def test_first_host_lost(database, start, tmp_path):
    survivor = lose(start, database, tmp_path / "out", host=0)
    assert survivor.returncode != 0
    (line,) = survivor.stderr.splitlines()
    assert line.startswith("train.py: error: another host was lost")


def test_hosts_with_different_flags(database, start, tmp_path):
    slurm = {
        "SLURM_JOB_ID": "1",  # of which JAX would make a port
        "JAX_COORDINATOR_PORT": str(free_port()),
        "SLURM_STEP_NODELIST": "localhost",
        "SLURM_NTASKS": "2",
        "SLURM_LOCALID": "0",
    }
    command = ("-i", database, "--output_path", tmp_path / "out", *FLAGS, "--hosts", "auto")
    hosts = [start(*command, "--seed", seed, **slurm, SLURM_PROCID=str(seed)) for seed in (0, 1)]
    for host in hosts:
        assert_one_line_error(ended(host), "train.py", "--hosts")
    assert not (tmp_path / "out").exists()
