"""Summary and progress of a run."""

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from ...data.summary import is_summary, plot_ages
from ...files import replacing
from ...outputs import Output
from ...progress import Progress
from ..job import Job
from ..result import Result, Sink
from .copies import copy_path, free_name
from .table import has_lines

HISTOGRAM = "ages_by_gender.png"


def has_histogram(job: Job) -> bool:
    arguments = job.arguments
    is_folder = arguments.folder and not arguments.label_file
    return bool(is_folder and arguments.output_dir and arguments.shown == "both")


def _histogram(job: Job) -> Path:
    folder = job.arguments.output_dir
    copies = [copy_path(folder, name).name for name in job.images if "/" not in name]
    return folder / free_name(HISTOGRAM, copies)


def histogram_outputs(job: Job) -> list[Output]:
    path = _histogram(job)
    return [Output("--output_dir", path, "a histogram", is_summary)] if path.exists() else []


@contextmanager
def histogram(job: Job) -> Iterator[Sink]:
    """A histogram of ages by gender in --output_dir."""
    rows: list[tuple[float, int]] = []

    def add(result: Result) -> None:
        estimates = result.estimates
        rows.extend(zip(estimates.age.tolist(), estimates.gender.tolist(), strict=True))

    yield add
    if rows:
        table = pd.DataFrame(rows, columns=["age_low", "gender"])
        with replacing(_histogram(job)) as partial:
            plot_ages(table.assign(age_high=table["age_low"]), partial)


@contextmanager
def counts(job: Job) -> Iterator[Sink]:
    """Lines on stderr at the end, also after Ctrl-C: numbers of images and faces, of faces that are
    not shown, and the smallest face that was searched for if there was none."""
    total: Counter = Counter()

    def add(result: Result) -> None:
        total["images"] += 1
        total["faces"] += len(result.boxes)
        total["without"] += not result.boxes
        total["skipped"] = result.skipped + (0 if job.video else total["skipped"])

    try:
        yield add
    finally:
        for line in _lines(job, total):
            print(line, file=sys.stderr)


def _lines(job: Job, total: Counter) -> Iterator[str]:
    if len(job.images) > 1:
        yield (
            f"{total['images']:,} of {len(job.images):,} images, {total['faces']:,} faces, "
            f"{total['without']:,} images without a face"
        )
    if total["skipped"]:
        reason = "brief or unclear" if job.video else "below --min_quality"
        yield f"{total['skipped']:,} faces are not shown: {reason}; --min_quality 0 shows all"
    is_live = job.video and job.video.live
    arguments = job.arguments
    if not (total["faces"] or total["skipped"] or is_live) and arguments.detector != "none":
        smallest = arguments.min_face
        searched = f"{smallest} pixels" if smallest else "a 16th of the image's longer side"
        yield f"only faces of at least {searched} were searched; a smaller --min_face finds more"


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
