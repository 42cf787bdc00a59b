"""Checks of a cluster's worker before a task."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from src import workers
from src.errors import UserError

distributed = pytest.importorskip("distributed")


@pytest.fixture
def run_task(monkeypatch, tmp_path):
    """Run `len` of "abc" as on a worker with one file in its storage."""
    (tmp_path / "photo.jpg").touch()

    def run(folder=tmp_path, **versions):
        worker = SimpleNamespace(address="tcp://worker:1")
        monkeypatch.setattr(distributed, "get_worker", lambda: worker)
        expected = workers.installed_versions() | versions
        return workers._run_on_worker(len, tuple(expected.items()), str(folder), "abc")

    return run


@pytest.mark.parametrize(
    "options, words",
    [
        ({"the toolkit": "0"}, "version 0 of the toolkit"),
        ({"pillow": "0"}, "version 0 of pillow"),
        ({"folder": "missing"}, "shared storage at missing"),
        ({"folder": "empty"}, "shared storage at empty"),
    ],
)
def test_unfit_worker_is_rejected(run_task, tmp_path, monkeypatch, options, words):
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    with pytest.raises(UserError, match=f"tcp://worker:1.*{words}"):
        run_task(**options)


@pytest.mark.parametrize("address", ["node1", "tcp://node1"])
def test_malformed_address_is_rejected(address):
    with pytest.raises(UserError, match="--scheduler: expected a Dask scheduler"):
        next(workers.map_in_order(len, ["abc"], scheduler=address))
