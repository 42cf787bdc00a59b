"""Registry of sinks, which receive the results."""

from contextlib import ExitStack
from functools import partial

from ..job import Job, Sink
from . import console, images, records, video, window

# Whether a job uses a sink, and a context manager that yields the sink and completes its output.
SINKS = (
    (lambda job: job.arguments.csv, partial(records.record_file, flag="csv")),
    (lambda job: job.arguments.jsonl, partial(records.record_file, flag="jsonl")),
    (lambda job: job.arguments.output_dir and job.images, images.annotated_copies),
    (lambda job: job.arguments.crops, images.face_crops),
    (lambda job: job.arguments.output_dir and job.video, video.annotated_video),
    (lambda job: job.opens_window, window.result_window),
    (console.has_lines, console.face_lines),
    (lambda job: job.images, console.image_summary),
    (lambda job: job.video, video.track_summary),
    (console.has_progress, console.progress),
)


def open_sinks(job: Job, stack: ExitStack) -> list[Sink]:
    """The sinks that the job uses; `stack` completes them."""
    return [stack.enter_context(open_sink(job)) for applies, open_sink in SINKS if applies(job)]
