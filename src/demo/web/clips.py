"""The page's tab for videos, which runs demo.py --video on an upload."""

import csv
import os
import re
import tempfile
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from ...errors import UserError
from ...extras import library
from ..app import run_video
from ..job import Job
from ..result import Result
from ..sinks.records import csv_file
from ..sinks.tracks import track_paths, track_summary
from ..sinks.video import annotated_video, video_path
from ..sources.video import Video, open_video
from .guard import MAX_VIDEO_MEGABYTES, MAX_VIDEO_PIXELS, MAX_VIDEO_SECONDS
from .page import Service

if TYPE_CHECKING:
    import gradio

HEADERS = ["track", "seconds", "age", "interval", "gender"]
_SINKS = annotated_video, track_summary, csv_file
# FFmpeg also reads playlists, which name other files and addresses.
_VIDEO = re.compile(
    rb"....(ftyp|moov|mdat|free|skip|wide)|RIFF....AVI |\x1a\x45\xdf\xa3|FLV|OggS"
    rb"|\x30\x26\xb2\x75|\0\0\x01[\xb3\xba]|G.{187}G|.{4}G.{191}G|GIF8",
    re.DOTALL,
)
_LIMITS = f"up to {MAX_VIDEO_MEGABYTES} MB; its first {MAX_VIDEO_SECONDS // 60} minutes are used"
_LEGEND = (
    "A track is one face, followed through the frames; its estimates are averaged. The interval "
    "contains the age with a probability of 80 %."
)


def annotate_clip(
    service: Service, path: Path, folder: Path, report: Callable[[Result, Video], bool]
) -> Job:
    """Annotate a video file and write the rows of its faces and tracks into `folder`.

    report: called with every frame's result; returns False to end.
    Raises `UserError` if `path` is not a video, or its frames are too large.
    """
    with path.open("rb") as file:
        if not _VIDEO.match(file.read(197)):
            raise UserError(f"{path}: expected a video, as MP4, MOV, WebM, MKV, AVI or MPEG")
    with ExitStack() as stack:
        video = open_video(str(path))
        stack.enter_context(closing(video.frames))
        width, height = video.size
        if width * height > MAX_VIDEO_PIXELS:
            raise UserError(
                f"{path}: expected frames of at most {MAX_VIDEO_PIXELS:,} pixels, received "
                f"{width}x{height}"
            )
        outputs = {"web": False, "output_dir": folder, "csv": folder / "faces.csv"}
        job = Job(replace(service.arguments, **outputs), video=video)
        finder = replace(service.finder, min_face=service.finder.min_face or video.min_face)
        sinks = [stack.enter_context(sink(job)) for sink in _SINKS]

        def is_running(result: Result) -> bool:
            return report(result, video) and result.frame.time < MAX_VIDEO_SECONDS

        run_video(job, finder, service.estimator, [*sinks, is_running])
    return job


def tracks_of(path: Path) -> tuple[list[list[str]], list[tuple[Path, str]]]:
    """Rows of the page's table, and pictures with captions, from a file of tracks."""
    rows, pictures = [], []
    with path.open(newline="", encoding="utf-8") as file:
        for track in csv.DictReader(file):
            seconds = f"{float(track['from']):.1f}-{float(track['to']):.1f}"
            age, interval = f"{float(track['age']):.0f}", f"{track['age_low']}-{track['age_high']}"
            rows.append([track["track"], seconds, age, interval, track["gender"]])
            caption = f"{track['track']}: {age} ({interval}) {track['gender'][0].upper()}"
            if (picture := path.parent / track["picture"]).is_file():
                pictures.append((picture, caption))
    return rows, pictures


def clip_tab(service: Service, page: "gradio.Blocks") -> None:
    """The tab's components and events, in the open `page`."""
    gradio = library("gradio")
    bar = gradio.Progress()
    stops: dict[str, Event] = {}  # by visitor

    def answer(path: str, request: gradio.Request, progress: gradio.Progress = bar) -> list:
        stop = stops[request.session_hash] = Event()

        def report(result: Result, video: Video) -> bool:
            seconds = min(video.count / video.rate or MAX_VIDEO_SECONDS, MAX_VIDEO_SECONDS)
            time = min(result.frame.time, seconds)
            progress(time / seconds, desc=f"{time:.0f} of {seconds:.0f} s")
            return not stop.is_set()

        try:
            return _answer(service, path, report)
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
        upload = gradio.Video(label=f"Video, {_LIMITS}", sources=["upload"], height=200)
        stop_button = gradio.Button("Stop, and show the results up to here", size="sm")
        clip = gradio.Video(label="Annotated video", interactive=False, elem_classes="clip")
    with gradio.Column(scale=2, min_width=320):
        note = gradio.Markdown(_LEGEND)
        table = gradio.Dataframe(
            headers=HEADERS, interactive=False, label="Tracks", elem_classes="tracks"
        )
        faces = gradio.Gallery(
            label="Largest face of each track",
            columns=4,
            height=170,
            object_fit="contain",
            elem_classes="small",
        )
        with gradio.Row():
            names = "Tracks as CSV", "Faces of all frames as CSV"
            files = [gradio.DownloadButton(name, interactive=False, size="sm") for name in names]
    return [upload, stop_button, clip, table, faces, *files, note]


def _answer(service: Service, path: str, report: Callable[[Result, Video], bool]) -> list:
    """The values of the tab's outputs for an uploaded file."""
    gradio = library("gradio")
    with tempfile.TemporaryDirectory(dir=service.folder) as work:
        # Gradio may delete its link to the file meanwhile.
        source = Path(work, Path(path).name)
        try:
            if not Path(path).exists():
                raise UserError("The video was deleted while it waited; upload it again.")
            os.link(path, source)
            job = annotate_clip(service, source, Path(work, "results"), report)
        except UserError as error:
            none = gradio.DownloadButton(interactive=False)
            return [None, [], [], none, none, _shown(error, source)]
        table, _ = track_paths(job)
        rows, pictures = tracks_of(table)
        downloads = [
            gradio.DownloadButton(value=service.kept(file), interactive=True)
            for file in (table, job.arguments.csv)
        ]
        return [
            service.kept(video_path(job)),
            rows,
            [(service.kept(picture), caption) for picture, caption in pictures],
            *downloads,
            _shown(job.video.problem, source) or _LEGEND,
        ]


def _shown(problem: object, source: Path) -> str:
    """A problem with an upload, by its own name."""
    return str(problem).removeprefix("--video: ").replace(str(source), source.name)
