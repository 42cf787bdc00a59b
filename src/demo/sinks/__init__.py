"""Registry of sinks, which receive the results."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, ExitStack
from typing import NamedTuple

from ...outputs import Output
from ..job import Job
from ..result import Sink
from . import copies, pages, records, summary, tracks, video, window


class SinkKind(NamedTuple):
    """A kind of sink.

    applies: whether the job uses it.
    open: a context manager that yields the sink and completes its output.
    outputs: files and folders that it will write.
    restored: whether it receives the results of an earlier run too, with --resume.
    """

    applies: Callable[[Job], bool]
    open: Callable[[Job], AbstractContextManager[Sink]]
    outputs: Callable[[Job], Iterable[Output]] = lambda job: ()
    restored: bool = False


SINKS = (
    SinkKind(lambda job: job.arguments.csv, records.csv_file, records.csv_outputs),
    SinkKind(lambda job: job.arguments.jsonl, records.jsonl_file, records.jsonl_outputs),
    SinkKind(copies.has_copies, copies.annotated_copies, copies.copy_outputs),
    SinkKind(lambda job: job.arguments.crops, copies.face_crops),
    SinkKind(video.has_copy, video.annotated_video, video.video_outputs),
    SinkKind(video.has_copy, tracks.track_summary, tracks.track_outputs),
    SinkKind(pages.has_page, pages.page, pages.page_outputs, restored=True),
    SinkKind(summary.has_histogram, summary.histogram, summary.histogram_outputs, restored=True),
    SinkKind(lambda job: job.opens_window, window.result_window),
    SinkKind(summary.has_lines, summary.face_lines),
    SinkKind(lambda job: job.arguments.table, summary.printed_table, restored=True),
    SinkKind(lambda job: True, summary.counts, restored=True),
    SinkKind(summary.has_progress, summary.progress),
)


def all_outputs(job: Job) -> list[Output]:
    return [output for kind in SINKS if kind.applies(job) for output in kind.outputs(job)]


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
