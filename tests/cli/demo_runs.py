"""Runs of demo.py, for tests of images, videos and the window."""

import csv
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2

from tests.helpers import ROOT, allow_ctrl_c

HEADER = "file,face,left,top,right,bottom,age,age_low,age_high,p_female,quality"
NO_SCREEN = {"DISPLAY": "", "WAYLAND_DISPLAY": ""}


@contextmanager
def running(folder: Path, *args, **environment) -> Iterator[subprocess.Popen]:
    """A running demo.py in `folder`, which ends with the test."""
    with subprocess.Popen(
        [sys.executable, ROOT / "demo.py", *map(str, args)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env={**os.environ, **environment},
        preexec_fn=allow_ctrl_c,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def read_faces(path: Path) -> dict[str, list[dict[str, str]]]:
    """The rows of a CSV file by image, as dicts of text."""
    rows = {}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            rows.setdefault(row["file"], []).append(row)
    return rows


def write_small(photo: Path, path: Path, side: int = 320) -> None:
    """A photo with a longer side of `side` pixels, for fast detection."""
    image = cv2.imread(str(photo))
    scale = side / max(image.shape[:2])
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), cv2.resize(image, None, fx=scale, fy=scale, interpolation=3))
