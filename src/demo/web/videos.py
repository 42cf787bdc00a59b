"""The page's tabs for videos, which runs demo.py --video on an upload, and for a webcam."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import gradio
import numpy as np
import pandas as pd

from ...errors import UserError
from ...thumbnails import shrink
from ..app import run_video
from ..job import Frame, Job, Result
from ..results import TrackedFaces
from ..sinks.records import record_file
from ..sinks.video import annotated_video, track_paths, track_summary, video_path
from ..sources.video import open_video
from . import EVENT, FILE_TTL_SECONDS, TABLE, Service, warn

HEADERS = ["track", "from (s)", "to (s)", "age", "80 %", "gender"]
MAX_SECONDS = 180  # further frames are ignored
_SIDE = 1280  # pixels of the longer side of a webcam's frame that goes back to the page
_EVERY = 0.2  # seconds between the frames of a webcam that a page sends
_PAUSE = 2  # seconds without a frame after which new tracks begin


def answer(service: Service, path: Path, progress: Callable[..., None]) -> list:
    """The annotated video, table, faces and both CSV files for an uploaded file.

    progress: called with the share that is done, and `desc`, a text, as `gradio.Progress` is.
    Raises `UserError` if no frame can be read.
    """
    with tempfile.TemporaryDirectory(dir=service.folder) as work:
        outputs = {"web": False, "output_dir": Path(work), "csv": Path(work, "faces.csv")}
        video = open_video(str(path))
        job = Job(replace(service.arguments, **outputs), video=video)

        def is_running(result: Result) -> bool:
            seconds = min(video.count / video.rate or MAX_SECONDS, MAX_SECONDS)
            time = min(result.frame.time, seconds)
            progress(time / seconds, desc=f"{time:.0f} of {seconds:.0f} s")
            return result.frame.time < MAX_SECONDS

        with annotated_video(job) as copy, track_summary(job) as tracks:
            with record_file(job, "csv") as rows:
                sinks = [copy, tracks, rows, is_running]
                run_video(job, service.finder, service.estimator, sinks)
        files = video_path(job), track_paths(job)[0], job.arguments.csv
        clip, *files = (service.new_file(file.read_bytes(), file.name) for file in files)
    if video.problem:
        warn(video.problem, path)
    found = tracks.by_duration()
    rows = [track.row for track in found]
    images = [
        (cv2.cvtColor(track.image, cv2.COLOR_BGR2RGB), f"{track.track_id}: {track.words.short}")
        for track in found
        if track.image is not None
    ]
    return [clip, pd.DataFrame(rows) if rows else [], images, gradio.File(files, visible=True)]


def clip_tab(service: Service) -> None:
    """The tab's components and events, in an open gradio.Blocks."""
    with gradio.Column(scale=3, min_width=320):
        clip = gradio.Video(label="Annotated video", interactive=False, elem_classes="clip")
        label = f"Video; its first {MAX_SECONDS // 60} minutes are used"
        upload = gradio.Video(label=label, sources=["upload"], height=160)
    with gradio.Column(scale=2, min_width=320):
        table = gradio.Dataframe(
            headers=HEADERS, label="Tracks, the longest first", elem_classes="tracks", **TABLE
        )
        faces = gradio.Gallery(label="Largest face of each track", elem_classes="uploads")
        label = "Tracks, and faces of all frames, as CSV"
        files = gradio.File(label=label, visible=False, interactive=False)
    bar = gradio.Progress()

    def start(path: str, progress: gradio.Progress = bar) -> list:
        try:
            return answer(service, Path(path), progress)
        except UserError as error:
            warn(str(error), Path(path))
            return [None, [], [], gradio.File(visible=False)]

    options = EVENT | {"concurrency_limit": 1, "show_progress_on": clip}
    upload.upload(start, upload, [clip, table, faces, files], **options)


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
        annotated = cv2.cvtColor(shrink(result.annotated, _SIDE), cv2.COLOR_BGR2RGB)
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
