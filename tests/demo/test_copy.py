"""Annotated copies of videos: their times, their sound, and a disk that is full."""

import importlib.util
import os
import subprocess
import sys
from dataclasses import replace

import av
import numpy as np
import pytest

from src.demo.sinks import video as copies
from src.demo.sources.video import Video, open_video
from tests.demo.made import frames, job, result, write_timed

CAMERA = Video(iter(()), "camera0", rate=10.0, size=(80, 60), live=True)
SLOWING = [*(i / 30 for i in range(30)), *(1 + i / 5 for i in range(10))]


@pytest.fixture(params=["PyAV", "OpenCV"])
def library(request, monkeypatch):
    if request.param == "OpenCV":
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    return request.param


def levels(path):
    """Each frame's brightness, in steps of 50."""
    return [round(image.mean() / 50) * 50 for image in frames(path)]


def write_levels(folder, times, video=CAMERA):
    with copies.annotated_video(job(video, output_dir=folder)) as write:
        for number, time in enumerate(times, 1):
            one = result(time=time, tracks=[])
            one.picture.image[:] = 50 * number
            write(one)
    return folder / f"{video.name}.mp4"


def test_file_frames_are_written_once(library, tmp_path):
    path = write_levels(tmp_path, [0, 0.1, 0.2, 0.3])
    assert levels(path) == [50, 100, 150, 200]
    assert os.listdir(tmp_path) == ["camera0.mp4"]


def test_late_frames_keep_their_times(library, tmp_path):
    path = write_levels(tmp_path, [0, 0.1, 0.41, 0.44])
    found = [(round(p.image.mean() / 50) * 50, p.time) for p in open_video(str(path)).frames]
    times = {level: time for level, time in reversed(found)}  # of its first frame
    assert times[150] == pytest.approx(0.41 if library == "PyAV" else 0.2, abs=0.001)
    assert found[-1][1] == pytest.approx(0.44, abs=0.05)


def copy_of(path, folder):
    video = open_video(str(path))
    with copies.annotated_video(job(video, output_dir=folder)) as write:
        for picture in video.frames:
            one = result(time=picture.time, tracks=[], size=picture.image.shape[:2])
            write(one)
    return folder / f"{video.name}.mp4"


@pytest.mark.parametrize("name, rate", [("a.mp4", 30), ("b.webm", 1000)])
def test_copy_lasts_as_long(library, tmp_path, name, rate):
    codec = "libvpx" if name == "b.webm" else "libx264"
    write_timed(tmp_path / name, SLOWING, codec, rate=rate)
    times = [p.time for p in open_video(str(copy_of(tmp_path / name, tmp_path / "copy"))).frames]
    assert times[-1] == pytest.approx(SLOWING[-1], abs=0.05)
    if library == "PyAV":
        assert times == pytest.approx(SLOWING, abs=0.002)


@pytest.mark.parametrize("size", [(97, 61), (176, 144)])
def test_sound_is_kept(tmp_path, size):
    write_timed(tmp_path / "a.mp4", SLOWING, size=(176, 144), sound=2.5)
    copy = copy_of(tmp_path / "a.mp4", tmp_path / "copy")
    with av.open(str(copy)) as file:
        samples = np.concatenate([f.to_ndarray()[0] for f in file.decode(audio=0)])
    spectrum = np.abs(np.fft.rfft(samples[:96_000]))
    assert spectrum.argmax() / 2 == pytest.approx(440, abs=2)
    assert len(samples) / 48_000 == pytest.approx(2.5, abs=0.1)


def test_missing_sound_is_reported_once(tmp_path, monkeypatch, capsys):
    write_timed(tmp_path / "a.mp4", SLOWING[:5], sound=0.2)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    copy_of(tmp_path / "a.mp4", tmp_path / "copy")
    [line] = capsys.readouterr().err.splitlines()
    assert "sound" in line and "pip install av" in line


def test_odd_sides_are_written(library, tmp_path):
    odd = replace(CAMERA, size=(81, 61))
    with copies.annotated_video(job(odd, output_dir=tmp_path)) as write:
        write(result(time=0.0, tracks=[], size=(61, 81)))
    assert len(frames(tmp_path / "camera0.mp4")) == 1


def test_video_without_frames(library, tmp_path):
    assert levels(write_levels(tmp_path, [])) == []


def test_name_with_a_colon_is_written(library, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    here = type(tmp_path)(".")
    path = write_levels(here, [0, 0.1], replace(CAMERA, name="cam:1"))
    assert len(levels(path.resolve())) == 2


FULL = """
import resource, sys
import numpy as np
from pathlib import Path
if sys.argv[1] == "OpenCV":
    sys.modules["av"] = None
from src.errors import UserError
from src.demo.sinks import video as copies
from tests.demo.made import job, result
from tests.demo.test_copy import CAMERA
if sys.argv[1] == "OpenCV":
    copies.importlib.util.find_spec = lambda name: None
resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))
rng = np.random.default_rng(0)
try:
    with copies.annotated_video(job(CAMERA, output_dir=Path(sys.argv[2]))) as write:
        for number in range(60):
            one = result(time=number / 10, tracks=[])
            one.picture.image[:] = rng.integers(0, 256, (60, 80, 3))
            write(one)
except UserError as error:
    print(error)
"""


@pytest.mark.parametrize("name", ["PyAV", "OpenCV"])
def test_full_disk_leaves_nothing(tmp_path, name):
    program = FULL.replace('    sys.modules["av"] = None\n', "    pass\n")
    done = subprocess.run(
        [sys.executable, "-c", program, name, tmp_path / "copy"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert str(tmp_path / "copy") in done.stdout
    assert os.listdir(tmp_path / "copy") == []
