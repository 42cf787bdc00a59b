"""The page's tab for videos, which runs demo.py --video on an upload."""

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import cv2

from ...errors import UserError
from ...extras import library
from ..app import run_video
from ..job import Job, Result
from ..sinks.records import record_file
from ..sinks.video import Tracks, annotated_video, track_paths, track_summary, video_path
from ..sources import Video
from ..sources.video import open_video
from .service import EVENT, TABLE, Service, alert, download, download_buttons, table_of

if TYPE_CHECKING:
    import gradio

HEADERS = ["track", "from (s)", "to (s)", "age", "80 %", "gender"]
MAX_SECONDS = 180  # further frames are ignored


def annotate_clip(
    service: Service, path: Path, folder: Path, report: Callable[[Result, Video], bool]
) -> tuple[Job, Tracks]:
    """Annotate a video file and write the rows of its faces and tracks into `folder`.

    report: called with every frame's result; returns False to end.
    Raises `UserError` if `path` is not a video.
    """
    with ExitStack() as stack:
        video = open_video(str(path))
        outputs = {"web": False, "output_dir": folder, "csv": folder / "faces.csv"}
        job = Job(replace(service.arguments, **outputs), video=video)
        copy, tracks, rows = map(
            stack.enter_context,
            (annotated_video(job), track_summary(job), record_file(job, "csv")),
        )

        def is_running(result: Result) -> bool:
            return report(result, video) and result.frame.time < MAX_SECONDS

        run_video(job, service.finder, service.estimator, [copy, tracks, rows, is_running])
    return job, tracks


def answer(service: Service, path: Path, report: Callable[[Result, Video], bool]) -> list:
    """The annotated video, note, table, faces and both downloads for an uploaded file."""
    with tempfile.TemporaryDirectory(dir=service.folder) as work:
        try:
            job, tracks = annotate_clip(service, path, Path(work, "results"), report)
        except UserError as error:
            return [None, _alert(str(error), path), [], [], download(None), download(None)]
        files = video_path(job), track_paths(job)[0], job.arguments.csv
        clip, table, rows = (service.new_file(file.read_bytes(), file.name) for file in files)
    found = tracks.by_duration()
    return [
        clip,
        _alert(job.video.problem, path),
        table_of([track.row for track in found]),
        [
            (cv2.cvtColor(t.image, cv2.COLOR_BGR2RGB), f"{t.track_id}: {t.words.short}")
            for t in found
            if t.image is not None
        ],
        download(table),
        download(rows),
    ]


def _alert(problem: str, path: Path) -> str:
    return alert([problem.removeprefix("--video: ").replace(str(path), path.name)] * bool(problem))


def clip_tab(service: Service, page: "gradio.Blocks") -> None:
    """The tab's components and events, in the open `page`."""
    gradio = library("gradio")
    with gradio.Column(scale=3, min_width=320):
        clip = gradio.Video(label="Annotated video", interactive=False, elem_classes="clip")
        label = f"Video; its first {MAX_SECONDS // 60} minutes are used"
        upload = gradio.Video(label=label, sources=["upload"], height=160)
        stop_button = gradio.Button("Stop, and show the results up to here", size="sm")
    with gradio.Column(scale=2, min_width=320):
        note = gradio.HTML()
        table = gradio.Dataframe(
            headers=HEADERS, label="Tracks, the longest first", elem_classes="tracks", **TABLE
        )
        faces = gradio.Gallery(
            label="Largest face of each track",
            columns=5,
            height="auto",
            object_fit="contain",
            elem_classes="uploads",
        )
        files = download_buttons("Tracks as CSV", "Faces of all frames as CSV")
    bar = gradio.Progress()
    stops: dict[str, Event] = {}  # by visitor

    def start(path: str, request: gradio.Request, progress: gradio.Progress = bar) -> list:
        stop = stops[request.session_hash] = Event()

        def report(result: Result, video: Video) -> bool:
            seconds = min(video.count / video.rate or MAX_SECONDS, MAX_SECONDS)
            time = min(result.frame.time, seconds)
            progress(time / seconds, desc=f"{time:.0f} of {seconds:.0f} s")
            return not stop.is_set()

        try:
            return answer(service, Path(path), report)
        finally:
            del stops[request.session_hash]

    def end(request: gradio.Request) -> None:
        if stop := stops.get(request.session_hash):
            stop.set()

    options = EVENT | {"concurrency_limit": 1, "show_progress_on": clip}
    upload.upload(start, upload, [clip, note, table, faces, *files], **options)
    stop_button.click(end, **EVENT)
    page.unload(end)
