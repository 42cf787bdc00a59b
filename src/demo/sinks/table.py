"""Printed results: a line per face, or a table."""

from collections.abc import Iterator
from contextlib import contextmanager

from tabulate import tabulate

from ..job import Job
from ..result import Result, Sink

MAX_ROWS = 50


def has_lines(job: Job) -> bool:
    arguments = job.arguments
    return not (arguments.table or arguments.prints_records or job.opens_window)


@contextmanager
def face_lines(job: Job) -> Iterator[Sink]:
    """One line per face."""

    def show(result: Result) -> None:
        for words in result.words:
            print(f"{result.frame.name}: {words.line}", flush=True)
        if not result.boxes:
            print(f"{result.frame.name}: no face", flush=True)

    yield show


@contextmanager
def printed_table(job: Job) -> Iterator[Sink]:
    """A table at the end, also after Ctrl-C: a row per face, or per track of a video."""
    rows: dict[tuple, dict[str, str | int]] = {}
    images = 0

    def add(result: Result) -> None:
        nonlocal images
        images += 1
        name, time = result.frame.name, result.frame.time
        for number, words in zip(result.numbers, result.words, strict=True):
            key = (number,) if job.video else (name, number)
            if job.video:
                first = rows[key]["from (s)"] if key in rows else f"{time:.1f}"
                row = {"track": number, "from (s)": first, "to (s)": f"{time:.1f}"}
            else:
                row = {"file": name, "face": number}
            if words.shown != "gender":
                row |= {"age": f"{words.age:.1f}", "80 %": words.interval}
            if words.shown != "age":
                row["gender"] = f"{words.initial[0]} {words.p_gender:.2f}"
            rows[key] = row

    try:
        yield add
    finally:
        shown = list(rows.values())[:MAX_ROWS]
        print(tabulate(shown, headers="keys", disable_numparse=True))
        kind, unit = ("tracks", "frames") if job.video else ("faces", "images")
        more = f", {len(shown)} of them shown" if len(shown) < len(rows) else ""
        print(f"{len(rows):,} {kind} in {images:,} {unit}{more}", flush=True)
