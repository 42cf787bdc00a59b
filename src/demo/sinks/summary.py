"""Summary and progress of a run over pictures."""

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from ...data.summary import plot_ages
from ...files import replacing
from ...outputs import Output
from ...progress import Progress
from ..job import Job
from ..result import Result, Sink
from .copies import is_picture
from .table import has_lines

HISTOGRAM = "ages_by_gender.png"


def has_summary(job: Job) -> bool:
    return len(job.pictures) > 1


def _histogram(job: Job) -> Path | None:
    is_folder = job.args.image_dir and job.labels is None
    return job.args.output_dir / HISTOGRAM if is_folder and job.args.output_dir else None


def summary_outputs(job: Job) -> list[Output]:
    path = _histogram(job)
    return [Output("--output_dir", path, "a picture", is_picture)] if path and path.exists() else []


@contextmanager
def folder_summary(job: Job) -> Iterator[Sink]:
    """A line on stderr at the end, also after Ctrl-C: numbers of pictures, faces, and pictures
    without a face.

    For a folder, a histogram of ages by gender is written to --output_dir.
    """
    counts: Counter = Counter()
    rows: list[tuple[float, int]] = []

    def add(result: Result) -> None:
        counts["read"] += 1
        counts["faces"] += len(result.boxes)
        counts["without"] += not result.boxes
        estimates = result.estimates
        rows.extend(zip(estimates.age.tolist(), estimates.gender.tolist(), strict=True))

    try:
        yield add
    finally:
        print(
            f"{counts['read']:,} of {len(job.pictures):,} pictures, {counts['faces']:,} faces, "
            f"{counts['without']:,} pictures without a face",
            file=sys.stderr,
        )
    path = _histogram(job)
    if path and rows:
        table = pd.DataFrame(rows, columns=["age_low", "gender"])
        with replacing(path) as partial:
            plot_ages(table.assign(age_high=table["age_low"]), partial)


def has_hint(job: Job) -> bool:
    return job.args.detector != "none" and not (job.video and job.video.live)


@contextmanager
def min_face_hint(job: Job) -> Iterator[Sink]:
    """A line on stderr at the end if no face was found: the size of the faces searched for."""
    found = False

    def look(result: Result) -> None:
        nonlocal found
        found |= bool(result.boxes)

    yield look
    if not found:
        smallest = job.args.min_face
        searched = f"{smallest} pixels" if smallest else "a 16th of the picture's longer side"
        print(
            f"only faces of at least {searched} were searched; a smaller --min_face finds more",
            file=sys.stderr,
        )


def has_progress(job: Job) -> bool:
    """Whether no other line is printed next to a progress bar."""
    is_alone = sys.stderr.isatty() and not (has_lines(job) and sys.stdout.isatty())
    return is_alone and _total(job) > 1


def _total(job: Job) -> int:
    return len(job.pictures) - len(job.done) if job.pictures else job.video.count


@contextmanager
def progress(job: Job) -> Iterator[Sink]:
    """A progress bar; for a video, by the time of its frames."""
    done = 0
    with Progress(_total(job), "pictures" if job.pictures else "frames") as bar:

        def update(result: Result) -> None:
            nonlocal done
            if job.pictures:
                bar.update()
                return
            number = int(result.picture.name[5:11]) + 1  # frame000000.jpg
            bar.update(number - done)
            done = number

        yield update
