"""train.py on JAX, without TensorFlow."""

import importlib.util

import pytest

from tests.helpers import run, write_database


@pytest.mark.skipif(not importlib.util.find_spec("jax"), reason="needs jax")
def test_two_steps_without_tensorflow(tmp_path):
    missing = tmp_path / "missing" / "tensorflow"
    missing.mkdir(parents=True)
    (missing / "__init__.py").write_text("raise ImportError('TensorFlow was asked for')")
    database = write_database(tmp_path / "wiki.mat", count=8)
    done = run(
        *("train.py", "-i", database, "--output_path", tmp_path / "out", "--aug"),
        *("--depth", 10, "--width", 1, "--batch_size", 3, "--nb_epochs", 1),
        *("--validation_split", 0.25),
        KERAS_BACKEND="jax",
        PYTHONPATH=str(missing.parent),
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "2/2 - " in done.stdout
    assert len(list((tmp_path / "out").glob("weights.01-*.hdf5"))) == 1
