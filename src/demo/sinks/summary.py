"""Results on the console: a line per face or a table, counts, progress; and a histogram."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from ...files import replacing
from ...progress import Progress
from ..job import Job
from ..result import Result, Sink
from .copies import copy_path

MAX_ROWS = 50  # of the printed table


def has_lines(job: Job) -> bool:
    arguments = job.arguments
    return not (arguments.table or arguments.prints_records or job.opens_window)


@contextmanager
def face_lines(job: Job) -> Iterator[Sink]:
    """One line per face."""

    def show(result: Result) -> None:
        for line in [words.line for words in result.words] or ["no face"]:
            print(f"{result.frame.name}: {line}", flush=True)

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
            row = {"file": name, "face": number}
            if job.video:
                first = rows[key]["from (s)"] if key in rows else f"{time:.1f}"
                row = {"track": number, "from (s)": first, "to (s)": f"{time:.1f}"}
            rows[key] = row | words.columns

    try:
        yield add
    finally:
        from tabulate import tabulate

        shown = list(rows.values())[:MAX_ROWS]
        print(tabulate(shown, headers="keys", disable_numparse=True))
        kind, unit = ("tracks", "frames") if job.video else ("faces", "images")
        more = f", {len(shown)} of them shown" if len(shown) < len(rows) else ""
        print(f"{len(rows):,} {kind} in {images:,} {unit}{more}", flush=True)


@contextmanager
def counts(job: Job) -> Iterator[Sink]:
    """Lines on stderr at the end, also after Ctrl-C: numbers of images and faces, of faces that are
    not shown, and the smallest face that was searched for if there was none."""
    images = faces = without = skipped = 0

    def add(result: Result) -> None:
        nonlocal images, faces, without, skipped
        images += 1
        faces += len(result.boxes)
        without += not result.boxes
        skipped = result.skipped + (0 if job.video else skipped)

    try:
        yield add
    finally:
        lines, arguments = [], job.arguments
        if len(job.images) > 1:
            read = f"{images:,} of {len(job.images):,} images"
            lines.append(f"{read}, {faces:,} faces, {without:,} without a face")
        if skipped:
            reason = "brief or unclear" if job.video else "below --min_quality"
            lines.append(f"{skipped:,} faces are not shown: {reason}; --min_quality 0 shows all")
        if images and not (faces or skipped or (job.video and job.video.live)):
            least = f"{arguments.min_face} pixels" if arguments.min_face else "a 16th of the image"
            lines.append(f"only faces of at least {least} were searched; see --min_face")
        print(*lines, sep="\n", end="\n" if lines else "", file=sys.stderr)


def has_progress(job: Job) -> bool:
    """Whether no other line is printed next to a progress bar."""
    is_alone = sys.stderr.isatty() and not (has_lines(job) and sys.stdout.isatty())
    return is_alone and _total(job) > 1


def _total(job: Job) -> int:
    return len(job.images) - len(job.done) if job.images else job.video.count


@contextmanager
def progress(job: Job) -> Iterator[Sink]:
    """A progress bar; for a video, by the numbers of its frames."""
    done = 0
    with Progress(_total(job), "images" if job.images else "frames") as bar:

        def update(result: Result) -> None:
            nonlocal done
            number = done + 1 if job.images else int(result.frame.name[5:11]) + 1
            bar.update(number - done)
            done = number

        yield update


def has_histogram(job: Job) -> bool:
    arguments = job.arguments
    is_folder = arguments.folder and not arguments.label_file
    return bool(is_folder and arguments.output_dir and arguments.shown == "both")


def _histogram(job: Job) -> Path:
    """The path of the histogram, other than those of the copies."""
    folder = job.arguments.output_dir
    copies = {str(copy_path(folder, name)).casefold() for name in job.images}
    names = (f"ages_by_gender{'' if i == 1 else f'-{i}'}.png" for i in count(1))
    return next(folder / name for name in names if str(folder / name).casefold() not in copies)


@contextmanager
def histogram(job: Job) -> Iterator[Sink]:
    """A histogram of ages by gender in --output_dir."""
    rows: list[tuple[float, int]] = []

    def add(result: Result) -> None:
        estimates = result.estimates
        rows.extend(zip(estimates.age.tolist(), estimates.gender.tolist(), strict=True))

    yield add
    if rows:
        import pandas as pd

        from ...data.summary import plot_ages

        table = pd.DataFrame(rows, columns=["age_low", "gender"])
        with replacing(_histogram(job)) as partial:
            plot_ages(table.assign(age_high=table["age_low"]), partial)
