"""Checks of a cluster's worker before a task."""

from types import SimpleNamespace

import pytest

from src import cluster
from src.errors import UserError

distributed = pytest.importorskip("distributed")


@pytest.fixture
def run_task(monkeypatch, tmp_path):
    """Run `len` of "abc" as on a worker with one file in its storage."""
    (tmp_path / "picture.jpg").touch()

    def run(threads=1, expected=None, folder=tmp_path):
        worker = SimpleNamespace(address="tcp://worker:1", state=SimpleNamespace(nthreads=threads))
        monkeypatch.setattr(distributed, "get_worker", lambda: worker)
        expected = expected or cluster.environment()
        return cluster.run_on_worker(len, expected, str(folder), "abc")

    return run


def test_worker_runs_the_task(run_task):
    assert run_task() == 3


def test_worker_with_threads_is_rejected(run_task):
    with pytest.raises(UserError, match=r"tcp://worker:1.*--nthreads 1"):
        run_task(threads=2)


def test_worker_with_other_software_is_rejected(run_task):
    *others, (name, version) = cluster.environment()
    with pytest.raises(UserError, match=rf"tcp://worker:1.*{name} 0, received {version}"):
        run_task(expected=(*others, (name, "0")))


@pytest.mark.parametrize("kind", ["missing", "empty"])
def test_worker_without_storage_is_rejected(run_task, tmp_path, kind):
    folder = tmp_path / kind
    if kind == "empty":
        folder.mkdir()
    with pytest.raises(UserError, match=f"tcp://worker:1.*{folder}"):
        run_task(folder=folder)
