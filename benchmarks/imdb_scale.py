#!/usr/bin/env python3
"""Time and memory of create_db.py and train.py on a folder like imdb_crop.

python benchmarks/imdb_scale.py --wiki data/wiki_crop --folder data/imdb_scale

IMDb's images cannot be distributed, so the folder is made of Wikipedia's: IMDb's number of
records, its fields and its kind of paths, each a link to an image of wiki_crop, with the labels of
that image. create_db.py runs once without interruption; then it is killed and resumed at 10, 50
and 99 % of the images, which must give the same file. With --cgroup, train.py runs for an epoch
without a limit of memory and with one.
"""

import hashlib
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import pandas as pd
import scipy.io

from benchmarks.memory import set_limit, uncache
from src import cli, flags
from src.data import writing
from src.errors import UserError
from src.flags import flag

ROOT = Path(__file__).parents[1]
RECORDS, CELEBRITIES = 460_723, 20_284  # of IMDb
SHARES = (0.1, 0.5, 0.99)
LABELS = ("dob", "photo_taken", "gender", "face_score", "second_face_score", "face_location")
# Small, so that reading decides.
NETWORK = ("--arch", "resnet18", "--width", "1", "--batch_size", "64", "--nb_epochs", "1")


class Run(NamedTuple):
    """Seconds of a run, by the clock and of all cores, and its peak memory in bytes."""

    seconds: float
    cpu: float
    peak: int

    def __str__(self) -> str:
        memory = f"peak memory {self.peak / 1e6:,.0f} MB"
        return f"{self.seconds:,.1f} s ({self.cpu:,.1f} s of a core), {memory}"


@dataclass(frozen=True, kw_only=True)
class Arguments:
    wiki: Path = flag(help="folder wiki_crop")
    folder: Path = flag(help="output folder, for imdb.mat")
    records: int = flag(RECORDS, limits="[1, inf)", help="number of records")
    img_size: int = flag(64, limits="[1, inf)", help="output image size")
    cgroup: Path | None = flag(
        None,
        help="empty memory cgroup, for example /sys/fs/cgroup/imdb, which train.py runs in with a "
        "limit (default: train.py is not measured)",
    )
    memory_limit: int | None = flag(
        None,
        limits="[1, inf)",
        help="limit of train.py's memory in MB (default: a third of the database)",
        needs="cgroup",
    )


def make(wiki: Path, folder: Path, records: int) -> None:
    """Write `imdb.mat` and its links to `folder`."""
    labels = scipy.io.loadmat(wiki / "wiki.mat")["wiki"][0, 0]
    rng = np.random.default_rng(0)
    rows = rng.integers(labels["full_path"].size, size=records)
    people = np.sort(rng.integers(1, CELEBRITIES + 1, records))
    paths = np.empty((1, records), object)
    for number in range(100):
        (folder / f"{number:02d}").mkdir(parents=True, exist_ok=True)
    for i, (row, person) in enumerate(zip(rows, people, strict=True)):
        year = labels["photo_taken"][0, row]
        path = f"{person % 100:02d}/nm{person:07d}_rm{100_000_000 + i}_1970-1-1_{year}.jpg"
        (folder / path).symlink_to((wiki / labels["full_path"][0, row][0]).resolve())
        paths[0, i] = np.array([path])
    fields = {name: labels[name][:, rows] for name in LABELS}
    names = np.array([f"Celebrity {person}" for person in people], object)[None]
    scipy.io.savemat(
        folder / "imdb.mat",
        {"imdb": fields | {"full_path": paths, "name": names, "celeb_id": people[None]}},
    )


def cpu_seconds() -> float:
    """Seconds of all cores that ended child processes took."""
    taken = resource.getrusage(resource.RUSAGE_CHILDREN)
    return taken.ru_utime + taken.ru_stime


def peak_memory(process: subprocess.Popen) -> int:
    """Bytes of resident memory at most so far; 0 if the process has ended."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), 0)


def share_done(database: Path) -> float:
    """The share of the records that an unfinished database has."""
    states = database.with_name(f".{database.stem}.states")
    if not states.exists():
        return 0.0
    return float((writing.read_states(states)["state"] != writing.TO_DO).mean())


def run(command: list, database: Path, kill_at: float | None = None, cgroup=None) -> Run:
    """Run a script, or kill it when a share of the database is filled."""

    def enter() -> None:
        if cgroup:
            (cgroup / "cgroup.procs").write_text(str(os.getpid()))

    start, cpu, peak = time.perf_counter(), cpu_seconds(), 0
    with tempfile.TemporaryFile("w+") as log:
        with subprocess.Popen(
            [sys.executable, *map(str, command)], cwd=ROOT, stdout=log, stderr=log, preexec_fn=enter
        ) as process:
            while process.poll() is None:
                peak = max(peak, peak_memory(process))
                if kill_at is not None and share_done(database) >= kill_at:
                    process.kill()
                time.sleep(0.02)
        log.seek(0)
        if process.returncode != (0 if kill_at is None else -signal.SIGKILL):
            raise UserError(f"{command[0]} ended with {process.returncode}: {log.read()[-500:]}")
    return Run(time.perf_counter() - start, cpu_seconds() - cpu, peak)


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def measure_creation(command: list, database: Path) -> None:
    """Print time and memory without interruption, and with one at each of `SHARES`."""
    database.unlink(missing_ok=True)
    print("create_db.py:", run(command, database), flush=True)
    whole = digest(database)
    print(f"database: {database.stat().st_size / 1e6:,.0f} MB")
    for share in SHARES:
        database.unlink()
        killed = run(command, database, share)
        resumed = run([*command, "--resume"], database)
        same = "the same file" if digest(database) == whole else "ANOTHER FILE"
        print(f"killed at {share:.0%} after {killed.seconds:,.1f} s, resumed: {resumed}, {same}")


def measure_training(database: Path, cgroup: Path, limit: int) -> None:
    """Print the rate of an epoch of train.py without and with a limit of memory, in bytes."""
    set_limit(cgroup, limit)
    for name, group in (("no limit", None), (f"limit of {limit / 1e6:,.0f} MB", cgroup)):
        uncache(database)
        with tempfile.TemporaryDirectory() as output:
            command = ["train.py", "--input", database, "--output_path", output, *NETWORK]
            taken = run(command, database, cgroup=group)
            rate = pd.read_csv(Path(output) / "history.csv")["faces_per_second"].iloc[-1]
        print(f"train.py, {name}: {rate:,.0f} faces a second; {taken}")


def main(argv=()):
    args = flags.parse(Arguments, argv, __doc__)
    if not (args.folder / "imdb.mat").exists():
        make(args.wiki, args.folder, args.records)
    database = (args.folder / "imdb_db.mat").resolve()
    command = ["create_db.py", "--db", "imdb", "--data_dir", args.folder.resolve()]
    measure_creation([*command, "-o", database, "--img_size", args.img_size], database)
    if args.cgroup:
        limit = args.memory_limit * 10**6 if args.memory_limit else database.stat().st_size // 3
        measure_training(database, args.cgroup, limit)


if __name__ == "__main__":
    cli.run(main)
