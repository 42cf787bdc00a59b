"""The page's tab for a webcam."""

from __future__ import annotations

import time

import cv2
import numpy as np

from ...estimation.estimator import Estimates
from ...extras import library
from ...faces.images import shrink
from ..result import Result
from ..smoothing import Smoother
from ..sources import Frame
from ..tracking import Tracker
from .page import KEPT, Service
from .pictures import HEADERS, SIDE, annotated, table_of

_EVERY = 0.2  # seconds between the frames that a page sends
_PAUSE = 2  # seconds without a frame after which a new stream begins


class Stream:
    """A webcam's stream: faces are tracked, and predictions smoothed along each track."""

    def __init__(self, service: Service):
        self._service, self._smooth = service, Smoother(service.arguments.smooth)
        self._track = Tracker(service.finder.detect, service.arguments.min_quality, live=True)
        self._shape: tuple[int, ...] | None = None
        self._time = 0.0

    def continues_with(self, image: np.ndarray) -> bool:
        """Whether the frame `image` belongs to this stream, by its time and size."""
        return image.shape == self._shape and time.monotonic() < self._time + _PAUSE

    def answer(self, image: np.ndarray) -> Result:
        """The faces of the next frame, uint8 (H, W, 3), BGR."""
        self._shape, self._time = image.shape, time.monotonic()
        frame = Frame("webcam", image, image.shape[:2], self._time)
        [(_, faces)] = self._track(frame)
        track_ids = [face.track_id for face in faces]

        def estimate(due: list[int]) -> Estimates:
            crops = self._service.finder.crop.stack(image, [faces[i].face for i in due])
            return self._service.estimator(crops)

        estimates = self._smooth(track_ids, self._time, estimate)
        boxes, quality = [face.face.box for face in faces], [face.quality for face in faces]
        return Result(frame, boxes, estimates, np.array(quality), tracks=track_ids)


def webcam_tab(service: Service) -> None:
    """The tab's components and events, in an open gradio.Blocks."""
    gradio = library("gradio")

    def answer(frame: np.ndarray, stream: Stream | None) -> tuple:
        image = cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)
        if stream is None or not stream.continues_with(image):
            stream = Stream(service)
        result = stream.answer(image)
        picture = cv2.cvtColor(shrink(annotated(result), SIDE), cv2.COLOR_BGR2RGB)
        return stream, picture, table_of([result])

    camera = gradio.Image(
        sources=["webcam"],
        streaming=True,
        webcam_options=gradio.WebcamOptions(mirror=False),
        label="Webcam",
        height=320,
    )
    with gradio.Column(min_width=320):
        live = gradio.Image(label="Faces", interactive=False, elem_classes="live")
        table = gradio.Dataframe(headers=HEADERS, interactive=False, elem_classes="live-faces")
    stream = gradio.State(time_to_live=KEPT)
    camera.stream(
        answer,
        inputs=[camera, stream],
        outputs=[stream, live, table],
        stream_every=_EVERY,
        show_progress="hidden",
        concurrency_limit=None,
        api_visibility="private",
    )
