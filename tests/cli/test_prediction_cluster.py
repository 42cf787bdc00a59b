"""demo.py and evaluate.py on a Dask cluster of two worker processes."""

import signal
import subprocess
import sys

import pytest

from tests.cluster import cluster
from tests.helpers import ROOT, make_picture, run

pytest.importorskip("distributed")
COUNT = 30


@pytest.fixture
def photos(tmp_path):
    """Pictures of 4 megapixels, each a face crop, and labels of the first five."""
    for i in range(COUNT):
        path = tmp_path / "photos" / f"{i}.jpg"
        if i < 5:
            make_picture(path, seed=i, size=2000)
        else:
            path.symlink_to(f"{i % 5}.jpg")
    labels = "".join(f"{i}.jpg,{20 + i},female\n" for i in range(5))
    (tmp_path / "photos" / "labels.csv").write_text("path,age,gender\n" + labels)
    return tmp_path / "photos"


def test_killed_worker_changes_no_estimate(exports, photos, tmp_path):
    demo = ["demo.py", "--image_dir", photos, "--detector", "none", "--no_display"]
    demo += ["--weight_file", exports["onnx"], "--csv"]
    evaluate = ["evaluate.py", "--image_csv", photos / "labels.csv", "--detect", "--detector"]
    evaluate += ["none", "--weight_file", exports["onnx"], "--resamples", 10, "--output"]
    local, remote = tmp_path / "local", tmp_path / "remote"
    assert run(*demo, f"{local}.csv").returncode == 0
    assert run(*evaluate, local).returncode == 0
    with cluster(tmp_path, workers=2) as (address, workers):
        arguments = [*demo, f"{remote}.csv", "--scheduler", address]
        running = subprocess.Popen(
            [sys.executable, *map(str, arguments)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert running.stdout.readline()  # of the first face
        workers[0].send_signal(signal.SIGKILL)
        assert running.poll() is None
        _, stderr = running.communicate(timeout=120)
        assert running.returncode == 0, stderr
        done = run(*evaluate, remote, "--scheduler", address)
        assert done.returncode == 0, done.stderr
    for name in ("remote.csv", "remote/results.csv"):
        expected = tmp_path / name.replace("remote", "local")
        assert (tmp_path / name).read_bytes() == expected.read_bytes()
