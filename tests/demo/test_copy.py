"""Annotated copies of videos: their times, their sound, and a disk that is full."""

import os
import resource
import signal
import subprocess
import sys
from dataclasses import replace

import av
import numpy as np
import pytest

from src.demo.sinks.video import annotated_video
from src.demo.sources.video import Video, open_video
from tests.demo.made import frames, job, result, write_timed
from tests.helpers import ROOT

CAMERA = Video(iter(()), "camera0", rate=10.0, size=(80, 60), live=True)
SLOWING = [*(i / 30 for i in range(30)), *(1 + i / 5 for i in range(10))]


def copy_of(path, folder):
    video = open_video(str(path))
    with annotated_video(job(video, output_dir=folder)) as write:
        for frame in video.frames:
            write(result(time=frame.time, tracks=[], size=frame.shape))
    return folder / f"{video.name}.mp4"


@pytest.mark.parametrize("name, rate", [("a.mp4", 30), ("b.webm", 1000)])
def test_copy_has_the_times_of_its_file(tmp_path, name, rate):
    codec = "libvpx" if name == "b.webm" else "libx264"
    write_timed(tmp_path / name, SLOWING, codec, rate=rate)
    times = [f.time for f in open_video(str(copy_of(tmp_path / name, tmp_path / "copy"))).frames]
    assert times == pytest.approx(SLOWING, abs=0.002)


def sound_of(path):
    with av.open(str(path)) as file:
        return np.concatenate([f.to_ndarray()[0] for f in file.decode(audio=0)])


def test_sound_stays_in_time(tmp_path):
    """The images of the file begin a second after its sound, of 440 Hz."""
    write_timed(tmp_path / "a.mp4", [1 + time for time in SLOWING], sound=3.5)
    samples = sound_of(copy_of(tmp_path / "a.mp4", tmp_path / "copy"))
    spectrum = np.abs(np.fft.rfft(samples[:96_000]))
    assert spectrum.argmax() / 2 == pytest.approx(440, abs=2)
    assert len(samples) / 48_000 == pytest.approx(2.5, abs=0.1)


def test_odd_sides_are_written(tmp_path):
    odd = replace(CAMERA, size=(81, 61))
    with annotated_video(job(odd, output_dir=tmp_path)) as write:
        write(result(time=0.0, tracks=[], size=(61, 81)))
    assert frames(tmp_path / "camera0.mp4")[0].shape[:2] == (62, 82)


FULL = """
import sys
import numpy as np
from pathlib import Path
from src.errors import UserError
from src.demo.sinks.video import annotated_video
from tests.demo.made import job, result
from tests.demo.test_copy import CAMERA
rng = np.random.default_rng(0)
try:
    with annotated_video(job(CAMERA, output_dir=Path(sys.argv[1]))) as write:
        for number in range(60):
            one = result(time=number / 10, tracks=[])
            one.frame.image[:] = rng.integers(0, 256, (60, 80, 3))
            write(one)
except UserError as error:
    print(error)
"""


def test_full_disk_leaves_nothing(tmp_path):
    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))

    command = [sys.executable, "-B", "-c", FULL, tmp_path / "copy"]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, preexec_fn=limit, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    assert str(tmp_path / "copy") in done.stdout
    assert os.listdir(tmp_path / "copy") == []
