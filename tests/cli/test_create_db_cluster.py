"""create_db.py on a Dask cluster of two worker processes."""

import signal
import subprocess
import sys

import pytest
import scipy.io

from tests.cluster import cluster
from tests.helpers import ROOT, make_picture, run, wiki_struct

pytest.importorskip("distributed")
COUNT, SIZE = 40, 256  # five pictures per task


@pytest.fixture(scope="module")
def large_wiki(tmp_path_factory):
    """Records of 10 pictures of 9 megapixels, which take a while to decode; one is missing."""
    folder = tmp_path_factory.mktemp("large") / "wiki_crop"
    fields = wiki_struct(COUNT)
    paths = fields["full_path"][0]
    for i in range(COUNT):
        if i < 10:
            make_picture(folder / paths[i][0], seed=i, size=3000)
        elif i != 33:
            (folder / paths[i][0]).symlink_to(f"{i % 10}.jpg")
    scipy.io.savemat(folder / "wiki.mat", {"wiki": fields})
    return folder


def command(data_dir, output, *args):
    return ["create_db.py", "--data_dir", data_dir, "-o", output, "--img_size", SIZE, *args]


def files_in(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_killed_worker_changes_nothing(large_wiki, tmp_path):
    local, remote = tmp_path / "local", tmp_path / "remote"
    local.mkdir()
    remote.mkdir()
    assert run(*command(large_wiki, local / "db.mat")).returncode == 0
    with cluster(tmp_path, workers=2) as (address, workers):
        arguments = command(large_wiki, remote / "db.mat", "--scheduler", address)
        running = subprocess.Popen(
            [sys.executable, *map(str, arguments)], cwd=ROOT, stderr=subprocess.PIPE, text=True
        )
        for line in running.stderr:  # of the progress
            if f"of {COUNT} images" in line:
                break
        workers[0].send_signal(signal.SIGKILL)
        assert running.poll() is None
        _, stderr = running.communicate(timeout=120)
        assert workers[0].wait() == -signal.SIGKILL
    assert running.returncode == 0, stderr
    assert files_in(remote) == files_in(local)
