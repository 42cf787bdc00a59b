"""The page's tabs for videos, which runs demo.py --video on an upload, and for a webcam."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event

import cv2
import gradio
import numpy as np

from ...errors import UserError
from ...thumbnails import shrink
from ..app import run_video
from ..job import Job, Result
from ..results import TrackedFaces
from ..sinks.records import record_file
from ..sinks.video import annotated_video, track_paths, track_summary, video_path
from ..sources import Frame, Video
from ..sources.video import open_video
from .images import SIDE
from .service import (
    EVENT,
    FILE_TTL_SECONDS,
    TABLE,
    Service,
    alert,
    download,
    download_buttons,
    table_of,
)

HEADERS = ["track", "from (s)", "to (s)", "age", "80 %", "gender"]
MAX_SECONDS = 180  # further frames are ignored
_EVERY = 0.2  # seconds between the frames of a webcam that a page sends
_PAUSE = 2  # seconds without a frame after which new tracks begin


def answer(service: Service, path: Path, report: Callable[[Result, Video], bool]) -> list:
    """The annotated video, note, table, faces and both downloads for an uploaded file.

    report: called with every frame's result; returns False to end.
    """
    with tempfile.TemporaryDirectory(dir=service.folder) as work:
        outputs = {"web": False, "output_dir": Path(work), "csv": Path(work, "faces.csv")}
        try:
            video = open_video(str(path))
        except UserError as error:
            return [None, _alert(str(error), path), [], [], download(), download()]
        job = Job(replace(service.arguments, **outputs), video=video)

        def is_running(result: Result) -> bool:
            return report(result, video) and result.frame.time < MAX_SECONDS

        with annotated_video(job) as copy, track_summary(job) as tracks:
            with record_file(job, "csv") as rows:
                sinks = [copy, tracks, rows, is_running]
                run_video(job, service.finder, service.estimator, sinks)
        files = video_path(job), track_paths(job)[0], job.arguments.csv
        clip, table, rows = (service.new_file(file.read_bytes(), file.name) for file in files)
    found = tracks.by_duration()
    captions = [(t.image, f"{t.track_id}: {t.words.short}") for t in found if t.image is not None]
    return [
        clip,
        _alert(video.problem, path),
        table_of([track.row for track in found]),
        [(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), caption) for image, caption in captions],
        download(table),
        download(rows),
    ]


def _alert(problem: str, path: Path) -> str:
    return alert([problem.removeprefix("--video: ").replace(str(path), path.name)] * bool(problem))


def clip_tab(service: Service, page: gradio.Blocks) -> None:
    """The tab's components and events, in the open `page`."""
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


class Stream:
    """A visitor's webcam, whose tracks end when no frame comes for `_PAUSE`.

    rate: frames per second, a running mean.
    """

    def __init__(self, service: Service):
        self._service, self._time, self.rate = service, -np.inf, 0.0

    def __call__(self, image: np.ndarray) -> Result:
        """The faces of the next frame, uint8 (H, W, 3), BGR."""
        now = time.monotonic()
        if now - self._time > _PAUSE:
            finder, estimator = self._service.finder, self._service.estimator
            self._faces = TrackedFaces(finder, estimator, self._service.arguments, live=True)
            self.rate = 0.0
        else:
            self.rate = 0.8 * self.rate + 0.2 / max(now - self._time, 1e-3)
        self._time = now
        [(frame, faces)] = self._faces.tracker(Frame("webcam", image, image.shape[:2], now))
        return self._faces.estimate(frame, faces)


def webcam_tab(service: Service) -> None:
    """The tab's components and events, in an open gradio.Blocks."""

    def answer(frame: np.ndarray, stream: Stream | None) -> tuple:
        stream = stream or Stream(service)
        result = stream(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
        annotated = cv2.cvtColor(shrink(result.annotated, SIDE), cv2.COLOR_BGR2RGB)
        return stream, gradio.Image(annotated, label=f"{stream.rate:.0f} frames per second")

    with gradio.Row():
        live = gradio.Image(
            label="Faces",
            interactive=False,
            alt_text="The webcam's last frame with a box and a label at each face",
            buttons=["fullscreen"],  # by default also one that uploads the image to a website
            elem_classes="live",
            scale=4,
            min_width=320,
        )
        camera = gradio.Image(
            sources=["webcam"],
            streaming=True,
            webcam_options=gradio.WebcamOptions(mirror=False),
            label="Start",
            height=220,
            scale=1,
            min_width=220,
        )
    state = gradio.State(time_to_live=FILE_TTL_SECONDS)
    options = EVENT | {"stream_every": _EVERY, "show_progress": "hidden"}
    camera.stream(answer, [camera, state], [state, live], **options)
