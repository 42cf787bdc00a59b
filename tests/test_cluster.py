"""Checks of a cluster's worker before a task."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from src import __version__, cluster
from src.errors import UserError
from tests.cluster import cluster as worker_cluster

distributed = pytest.importorskip("distributed")


@pytest.fixture
def run_task(monkeypatch, tmp_path):
    """Run `len` of "abc" as on a worker with one file in its storage."""
    (tmp_path / "photo.jpg").touch()

    def run(threads=1, version=__version__, folder=tmp_path):
        worker = SimpleNamespace(address="tcp://worker:1", state=SimpleNamespace(nthreads=threads))
        monkeypatch.setattr(distributed, "get_worker", lambda: worker)
        return cluster.run_on_worker(len, version, str(folder), "abc")

    return run


@pytest.mark.parametrize(
    "options, words",
    [
        ({"threads": 2}, "--nthreads 1"),
        ({"version": "0"}, "version 0 of the toolkit"),
        ({"folder": "missing"}, "shared storage at missing"),
        ({"folder": "empty"}, "shared storage at empty"),
    ],
)
def test_unfit_worker_is_rejected(run_task, tmp_path, monkeypatch, options, words):
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    with pytest.raises(UserError, match=f"tcp://worker:1.*{words}"):
        run_task(**options)


def test_worker_with_other_library_is_rejected(tmp_path):
    with worker_cluster(tmp_path, workers=1) as (address, _), cluster.connected(address):
        pass  # the same installation
    changed = {"PYTHONPATH": str(tmp_path)}
    (tmp_path / "pillow-1.0.dist-info").mkdir()
    (tmp_path / "pillow-1.0.dist-info" / "METADATA").write_text("Name: pillow\nVersion: 1.0\n")
    with worker_cluster(tmp_path / "other", workers=1, **changed) as (address, _):
        with pytest.raises(UserError, match=r"worker tcp://.*pillow .*, received 1\.0"):
            with cluster.connected(address):
                pass
