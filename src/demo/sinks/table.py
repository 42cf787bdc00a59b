"""Printed results: a line per face, or a table."""

from collections.abc import Iterator
from contextlib import contextmanager

from tabulate import tabulate

from ...labels import INITIALS
from ..job import Job
from ..result import Result, Sink

LONGEST_TABLE = 50  # rows


def has_lines(job: Job) -> bool:
    return not (job.args.table or job.prints_records or job.opens_window)


@contextmanager
def face_lines(job: Job) -> Iterator[Sink]:
    """One line per face."""

    def show(result: Result) -> None:
        for i in range(len(result.boxes)):
            age, years, gender = texts(result, i)
            print(f"{result.picture.name}: {age} years ({years}), {gender}", flush=True)
        if not result.boxes:
            print(f"{result.picture.name}: no face", flush=True)

    yield show


def texts(result: Result, face: int) -> tuple[str, str, str]:
    """Age, its interval, and gender with its probability."""
    all_faces = result.estimates
    gender = f"{INITIALS[all_faces.gender[face]]} {all_faces.p_gender[face]:.2f}"
    interval = f"{all_faces.age_low[face]}-{all_faces.age_high[face]}"
    return f"{all_faces.age[face]:.1f}", interval, gender


@contextmanager
def printed_table(job: Job) -> Iterator[Sink]:
    """A table at the end, also after Ctrl-C: a row per face, or per track of a video."""
    rows: dict[tuple, tuple] = {}
    pictures = 0

    def add(result: Result) -> None:
        nonlocal pictures
        pictures += 1
        for i in range(len(result.boxes)):
            if job.video:
                number, time = result.tracks[i], result.picture.time
                first = rows[number,][1] if (number,) in rows else f"{time:.1f}"
                rows[number,] = (number, first, f"{time:.1f}", *texts(result, i))
            else:
                rows[result.picture.name, i] = (result.picture.name, i, *texts(result, i))

    try:
        yield add
    finally:
        columns = ["track", "from (s)", "to (s)"] if job.video else ["file", "face"]
        shown = list(rows.values())[:LONGEST_TABLE]
        print(tabulate(shown, [*columns, "age", "80 %", "gender"], disable_numparse=True))
        kind, unit = ("tracks", "frames") if job.video else ("faces", "pictures")
        more = f", {len(shown)} of them shown" if len(shown) < len(rows) else ""
        print(f"{len(rows):,} {kind} in {pictures:,} {unit}{more}", flush=True)
