"""Results on the console, and of a folder: lines, a table, counts, progress."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from ...progress import Progress
from ..arguments import STDOUT
from ..job import Job, Result, Sink
from .images import write_gallery, write_histogram, write_labelled


def has_lines(job: Job) -> bool:
    arguments = job.arguments
    prints_records = STDOUT in (arguments.csv, arguments.jsonl)
    return not (arguments.table or prints_records or job.opens_window)


@contextmanager
def face_lines(job: Job) -> Iterator[Sink]:
    """One line per face."""

    def show(result: Result) -> None:
        for line in [words.line for words in result.words] or ["no face"]:
            print(f"{result.frame.name}: {line}", flush=True)

    yield show


@contextmanager
def image_summary(job: Job) -> Iterator[Sink]:
    """In --output_dir the gallery and the histogram of a folder, or the page of labelled images; at
    the end, also after Ctrl-C, the table and the counts. Includes the images of an earlier run."""
    results, arguments = list(job.done.values()), job.arguments
    try:
        yield lambda result: results.append(result.without_pixels())
        if arguments.label_file:
            write_labelled(job, results)
        elif arguments.output_dir and arguments.image_dir:
            write_gallery(job, results)
            if arguments.shown == "both":
                write_histogram(job, results)
    finally:
        rows = [{"file": each.frame.name} | row for each in results for row in each.rows]
        print_table(job, rows, f"{len(rows):,} faces in {len(results):,} images")
        if len(job.images) > 1:
            without = sum(not result.faces for result in results)
            read = f"{len(results):,} of {len(job.images):,} images"
            print(f"{read}, {len(rows):,} faces, {without:,} without a face", file=sys.stderr)
        skipped = sum(result.skipped for result in results)
        print_hints(job, bool(rows or not results), skipped, "below --min_quality")


def print_table(job: Job, rows: list[dict[str, str | int]], total: str) -> None:
    """Print the table of --table."""
    if job.arguments.table:
        from tabulate import tabulate

        print(tabulate(rows, headers="keys", disable_numparse=True), total, sep="\n", flush=True)


def print_hints(job: Job, has_faces: bool, skipped: int, reason: str) -> None:
    """Print to stderr the number of faces that are not shown; without any face, the smallest face
    that was searched for."""
    pixels = job.arguments.min_face
    if skipped:
        text = f"{skipped:,} faces are not shown: {reason}; --min_quality 0 shows all"
        print(text, file=sys.stderr)
    elif not has_faces:
        smallest = f"{pixels} pixels" if pixels else "a 16th of the image"
        print(f"only faces of at least {smallest} were searched; see --min_face", file=sys.stderr)


def _total(job: Job) -> int:
    if job.images:
        return len(job.images) - len(job.done)
    return round(job.video.count / max((job.arguments.every or 0) * job.video.rate, 1))


def has_progress(job: Job) -> bool:
    """Whether no other line is printed next to a progress bar."""
    is_alone = sys.stderr.isatty() and not (has_lines(job) and sys.stdout.isatty())
    return is_alone and _total(job) > 1


@contextmanager
def progress(job: Job) -> Iterator[Sink]:
    """A progress bar."""
    with Progress(_total(job), "images" if job.images else "frames") as bar:
        yield lambda result: bar.update()
