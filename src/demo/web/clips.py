"""The page's tab for videos, which runs demo.py --video on an upload."""

import tempfile
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import replace
from html import escape
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import cv2

from ...errors import UserError
from ...extras import library
from ..app import run_video
from ..job import Job
from ..result import Result
from ..sinks.records import csv_file
from ..sinks.tracks import Tracks, track_paths, track_summary
from ..sinks.video import annotated_video, video_path
from ..sources.video import Video, open_video
from .page import Service

if TYPE_CHECKING:
    import gradio

HEADERS = ["track", "seconds", "age", "interval", "gender"]
MAX_SECONDS = 180  # further frames are ignored
_LEGEND = (
    "<p>A track is one face, followed through the frames; its estimates are averaged. The longest "
    "comes first.</p>"
)


def annotate_clip(
    service: Service, path: Path, folder: Path, report: Callable[[Result, Video], bool]
) -> tuple[Job, Tracks]:
    """Annotate a video file and write the rows of its faces and tracks into `folder`.

    report: called with every frame's result; returns False to end.
    Raises `UserError` if `path` is not a video.
    """
    with ExitStack() as stack:
        video = open_video(str(path))
        stack.enter_context(closing(video.frames))
        outputs = {"web": False, "output_dir": folder, "csv": folder / "faces.csv"}
        job = Job(replace(service.arguments, **outputs), video=video)
        finder = replace(service.finder, min_face=service.finder.min_face or video.min_face)
        copy, tracks, rows = (
            stack.enter_context(sink(job)) for sink in (annotated_video, track_summary, csv_file)
        )

        def is_running(result: Result) -> bool:
            return report(result, video) and result.frame.time < MAX_SECONDS

        run_video(job, finder, service.estimator, [copy, tracks, rows, is_running])
    return job, tracks


def rows_of(tracks: Tracks) -> list[list[str | int]]:
    """One row per track, with the columns `HEADERS`."""
    return [
        [
            track.track_id,
            f"{track.first:.1f}-{track.last:.1f}",
            track.words.years,
            track.words.interval,
            track.words.gender,
        ]
        for track in tracks.by_duration()
    ]


def faces_of(tracks: Tracks) -> list[tuple]:
    """The largest face of each track, uint8 (H, W, 3), RGB, and its caption."""
    return [
        (cv2.cvtColor(track.image, cv2.COLOR_BGR2RGB), f"{track.track_id}: {track.words.short}")
        for track in tracks.by_duration()
        if track.image is not None
    ]


def clip_tab(service: Service, page: "gradio.Blocks") -> None:
    """The tab's components and events, in the open `page`."""
    gradio = library("gradio")
    bar = gradio.Progress()
    stops: dict[str, Event] = {}  # by visitor

    def answer(path: str, request: gradio.Request, progress: gradio.Progress = bar) -> list:
        stop = stops[request.session_hash] = Event()

        def report(result: Result, video: Video) -> bool:
            seconds = min(video.count / video.rate or MAX_SECONDS, MAX_SECONDS)
            time = min(result.frame.time, seconds)
            progress(time / seconds, desc=f"{time:.0f} of {seconds:.0f} s")
            return not stop.is_set()

        try:
            return _answer(service, Path(path), report)
        finally:
            del stops[request.session_hash]

    def end(request: gradio.Request) -> None:
        if stop := stops.get(request.session_hash):
            stop.set()

    upload, stop_button, clip, *results = _components()
    upload.upload(
        answer,
        upload,
        [clip, *results],
        concurrency_limit=1,
        show_progress_on=clip,
        api_visibility="private",
    )
    stop_button.click(end, concurrency_limit=None, api_visibility="private")
    page.unload(end)


def _components() -> list:
    """Upload, button to stop, and the outputs in the order of `_answer`."""
    gradio = library("gradio")
    with gradio.Column(scale=3, min_width=320):
        clip = gradio.Video(label="Annotated video", interactive=False, elem_classes="clip")
        upload = gradio.Video(
            label=f"Video; its first {MAX_SECONDS // 60} minutes are used",
            sources=["upload"],
            height=160,
        )
        stop_button = gradio.Button("Stop, and show the results up to here", size="sm")
    with gradio.Column(scale=2, min_width=320):
        note = gradio.HTML(_LEGEND)
        table = gradio.Dataframe(
            headers=HEADERS, interactive=False, label="Tracks", elem_classes="tracks", buttons=[]
        )
        faces = gradio.Gallery(
            label="Largest face of each track",
            columns=5,
            height="auto",
            object_fit="contain",
            elem_classes="uploads",
        )
        with gradio.Row():
            names = "Tracks as CSV", "Faces of all frames as CSV"
            files = [gradio.DownloadButton(name, interactive=False, size="sm") for name in names]
    return [upload, stop_button, clip, table, faces, *files, note]


def _answer(service: Service, path: Path, report: Callable[[Result, Video], bool]) -> list:
    """The values of the tab's outputs for an uploaded file."""
    gradio = library("gradio")
    with tempfile.TemporaryDirectory(dir=service.folder) as work:
        try:
            job, tracks = annotate_clip(service, path, Path(work, "results"), report)
        except UserError as error:
            none = gradio.DownloadButton(value=None, interactive=False)
            return [None, [], [], none, none, _alert(error, path)]
        table, _ = track_paths(job)
        downloads = [
            gradio.DownloadButton(value=service.copied(file), interactive=True)
            for file in (table, job.arguments.csv)
        ]
        return [
            service.copied(video_path(job)),
            rows_of(tracks),
            faces_of(tracks),
            *downloads,
            _alert(job.video.problem, path) + _LEGEND,
        ]


def _alert(problem: object, path: Path) -> str:
    """A problem with an upload as HTML, "" if there is none."""
    text = str(problem).removeprefix("--video: ").replace(str(path), path.name)
    return f'<p role="alert">{escape(text)}</p>' if text else ""
