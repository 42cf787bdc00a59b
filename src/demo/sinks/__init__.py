"""Registry of sinks, which receive the results."""

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import NamedTuple

from ..job import Job
from ..result import Sink
from . import copies, pages, records, summary, tracks, video, window


class SinkKind(NamedTuple):
    """A kind of sink.

    applies: whether the job uses it.
    open: a context manager that yields the sink and completes its output.
    restored: whether it receives the results of an earlier run too, with --resume.
    """

    applies: Callable[[Job], object]
    open: Callable[[Job], AbstractContextManager[Sink]]
    restored: bool = False


SINKS = (
    SinkKind(lambda job: job.arguments.csv, records.csv_file),
    SinkKind(lambda job: job.arguments.jsonl, records.jsonl_file),
    SinkKind(lambda job: job.arguments.output_dir and job.images, copies.annotated_copies),
    SinkKind(lambda job: job.arguments.crops, copies.face_crops),
    SinkKind(lambda job: job.arguments.output_dir and job.video, video.annotated_video),
    SinkKind(lambda job: job.arguments.output_dir and job.video, tracks.track_summary),
    SinkKind(pages.has_page, pages.page, restored=True),
    SinkKind(summary.has_histogram, summary.histogram, restored=True),
    SinkKind(lambda job: job.opens_window, window.result_window),
    SinkKind(summary.has_lines, summary.face_lines),
    SinkKind(lambda job: job.arguments.table, summary.printed_table, restored=True),
    SinkKind(lambda job: True, summary.counts, restored=True),
    SinkKind(summary.has_progress, summary.progress),
)


def open_sinks(job: Job, stack: ExitStack) -> list[Sink]:
    """The sinks that the job uses; `stack` completes them."""
    opened = []
    for kind in SINKS:
        if kind.applies(job):
            sink = stack.enter_context(kind.open(job))
            opened.append(_unless_restored(sink) if job.done and not kind.restored else sink)
    return opened


def _unless_restored(sink: Sink) -> Sink:
    return lambda result: result.restored or sink(result)
