"""Runs of scripts, and small generated datasets."""

import csv
import os
import runpy
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import cv2
import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.io

from src.data import writing
from src.data.database import Database, open_database
from src.data.split import description_of, divide
from src.faces.crop import FaceCrop
from src.models import NETWORKS, Network

ROOT = Path(__file__).parents[1]
NETWORKS["small_cnn"] = Network("tests.models.small_cnn:build", heads={"use_bias": False})


def run(script: str, *args, **environment) -> subprocess.CompletedProcess:
    """Run a script in a new process, with `environment` added to the variables."""
    command = [sys.executable, str(ROOT / script), *map(str, args)]
    return subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, **environment}, timeout=600
    )


def exit_code(script: str, *args) -> int:
    """Run a script within this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [script, *map(str, args)])
        try:
            runpy.run_path(str(ROOT / script), run_name="__main__")
        except SystemExit as stop:
            return stop.code or 0
    return 0


def allow_ctrl_c() -> None:
    """What a child process does first (`preexec_fn`): shells have those in the background ignore
    it, and so would theirs."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def assert_one_line_error(done: subprocess.CompletedProcess, script: str, *words: str) -> None:
    """The script must have ended with code 2 and one line that contains `words`."""
    assert done.returncode == 2, done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith(f"{script}: error: ")
    for word in words:
        assert word in lines[0]


@contextmanager
def mounted(folder, options):
    """A separate disk at `folder`; the test is skipped if none can be mounted."""
    folder.mkdir(exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs the right to mount a disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def make_picture(path: Path, seed: int = 0, size: int = 40) -> None:
    """Write a random image."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8)
    cv2.imwrite(str(path), cv2.resize(noise, (size, size)))


def wiki_struct(count: int) -> dict[str, np.ndarray]:
    """Fields of an IMDB-WIKI struct of `count` people aged 20 to 59, who pass every rule."""
    paths = np.empty((1, count), object)
    paths[0] = [np.array([f"{i % 10:02d}/{i}.jpg"]) for i in range(count)]
    return {
        # 1 January 1950 is MATLAB's day 712224.
        "dob": np.full((1, count), 712224, np.int32),
        "photo_taken": (1970 + np.arange(count, dtype=np.uint16) % 40)[None],
        "full_path": paths,
        "gender": (np.arange(count) % 2.0)[None],
        "name": paths,
        "face_location": paths,
        "face_score": np.full((1, count), 4.0),
        "second_face_score": np.full((1, count), np.nan),
    }


def write_wiki(folder: Path, fields: dict[str, np.ndarray], db: str = "wiki") -> Path:
    """Write `{db}.mat` and its images into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    scipy.io.savemat(folder / f"{db}.mat", {db: fields})
    for i, cell in enumerate(fields["full_path"].ravel()):
        make_picture(folder / cell[0], seed=i)
    return folder


def write_database(
    path: Path, count: int = 32, img_size: int = 16, seed: int = 0, **fields
) -> Path:
    """Write a database as the original toolkit did: dark women of 20 and bright men of 60."""
    men = np.arange(count) % 2
    noise = np.random.default_rng(seed).integers(0, 128, (count, img_size, img_size, 3))
    faces = noise + 127 * men[:, None, None, None]
    made = {"image": faces.astype(np.uint8), "gender": men, "age": 20 + 40 * men}
    single = {"db": "wiki", "img_size": img_size, "min_score": 1.0}
    scipy.io.savemat(path, made | single | fields)
    return path


def write_our_database(
    path: Path, faces: np.ndarray, columns: dict, version: str = "7.3", **values
) -> None:
    """Write a database of `faces`, uint8 (N, S, S, 3), as create_db.py does, some row first, but
    without identities, as version 0.2 did."""
    table = pd.DataFrame({"person": ""} | columns, index=range(len(faces)))
    size = faces.shape[1]
    records = np.zeros(len(faces), writing.RECORD)
    records["state"] = 1
    fields = {"db": "wiki", "img_size": size, "min_score": 1.5, "margin": 0.4, "alignment": "none"}
    with writing.FaceSlots(path, len(faces), size, "0" * 64) as slots:
        for row in np.random.default_rng(0).permutation(len(faces)):
            slots.write(row, faces[row : row + 1], records[row : row + 1])
        kept = np.arange(len(faces))
        writing.write_database(path, slots, table, kept, fields | values, version)
    if version == "5":
        stored = scipy.io.loadmat(path)
        kept = {name: stored[name] for name in stored if name[0] != "_" and name != "identity"}
        scipy.io.savemat(path, kept)
        return
    with h5py.File(path, "r+") as file:
        del file["identity"]


def trained_on(*paths: Path, method: str | None = None, validation=0.1, test=0.0, seed=0) -> dict:
    """The data, split and identities in the description of a run on databases."""
    databases = [open_database(path) for path in paths]
    return description_of(databases, *divide(databases, method, validation, test, seed))


def made_database(image: np.ndarray, gender, age_low, age_high) -> Database:
    """A database of faces, uint8 (N, S, S, 3), in memory."""
    return Database(
        path=Path("made.mat"),
        image=image,
        gender=np.asarray(gender, float),
        age_low=np.asarray(age_low, float),
        age_high=np.asarray(age_high, float),
        names=[],
        db="made",
        crop=FaceCrop(image.shape[1]),
    )


def names(folder: Path) -> set[str]:
    """Names of the files and folders in a folder."""
    return {path.name for path in folder.iterdir()}


def read_csv(path: Path) -> list[tuple[str, ...]]:
    """Rows of a CSV file, header included."""
    with path.open(newline="", encoding="utf-8") as file:
        return [tuple(row) for row in csv.reader(file)]


def printed_table(done: subprocess.CompletedProcess) -> dict[str, int]:
    """Rows by rule, as create_db.py printed them."""
    lines = (line.rsplit(maxsplit=1) for line in done.stdout.splitlines())
    return {line[0]: int(line[1].replace(",", "")) for line in lines if line[1][0].isdigit()}
