"""Checks of a cluster's worker before a task."""

from types import SimpleNamespace

import pytest

from src import __version__, cluster
from src.errors import UserError
from tests.cluster import cluster as worker_cluster

distributed = pytest.importorskip("distributed")


@pytest.fixture
def run_task(monkeypatch, tmp_path):
    """Run `len` of "abc" as on a worker with one file in its storage."""
    (tmp_path / "picture.jpg").touch()

    def run(threads=1, version=__version__, folder=tmp_path):
        worker = SimpleNamespace(address="tcp://worker:1", state=SimpleNamespace(nthreads=threads))
        monkeypatch.setattr(distributed, "get_worker", lambda: worker)
        return cluster.run_on_worker(len, version, str(folder), "abc")

    return run


def test_worker_runs_the_task(run_task):
    assert run_task() == 3


def test_worker_with_threads_is_rejected(run_task):
    with pytest.raises(UserError, match=r"tcp://worker:1.*--nthreads 1"):
        run_task(threads=2)


def test_worker_with_other_toolkit_is_rejected(run_task):
    with pytest.raises(UserError, match=r"tcp://worker:1.*version 0 of the toolkit"):
        run_task(version="0")


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


@pytest.mark.parametrize("kind", ["missing", "empty"])
def test_worker_without_storage_is_rejected(run_task, tmp_path, kind):
    folder = tmp_path / kind
    if kind == "empty":
        folder.mkdir()
    with pytest.raises(UserError, match=f"tcp://worker:1.*{folder}"):
        run_task(folder=folder)
