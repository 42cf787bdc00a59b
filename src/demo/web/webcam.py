"""The page's tab for a webcam."""

from __future__ import annotations

import time

import cv2
import numpy as np

from ...extras import library
from ...faces.images import shrink
from ..result import Result
from ..results import frame_result
from ..smoothing import Smoother
from ..sources import Frame
from ..tracking import Tracker
from .images import SIDE
from .page import FILE_TTL_SECONDS, Service

_EVERY = 0.2  # seconds between the frames that a page sends
_PAUSE = 2  # seconds without a frame after which a new stream begins


class Stream:
    """A webcam's stream: faces are tracked, and predictions smoothed along each track.

    rate: frames per second, a running mean.
    """

    def __init__(self, service: Service):
        self._service, self._smooth = service, Smoother(service.arguments.smooth)
        self._track = Tracker(service.finder.detect, service.arguments.min_quality, live=True)
        self._shape: tuple[int, ...] | None = None
        self._time = time.monotonic()
        self.rate = 0.0

    def continues_with(self, image: np.ndarray) -> bool:
        """Whether the frame `image` belongs to this stream, by its time and size."""
        return image.shape == self._shape and time.monotonic() < self._time + _PAUSE

    def answer(self, image: np.ndarray) -> Result:
        """The faces of the next frame, uint8 (H, W, 3), BGR."""
        now = time.monotonic()
        rate = 1 / max(now - self._time, 1e-3)
        self.rate = 0.8 * self.rate + 0.2 * rate if self._shape else 0.0
        self._shape, self._time = image.shape, now
        frame = Frame("webcam", image, image.shape[:2], now)
        [(_, faces)] = self._track(frame)
        service = self._service
        return frame_result(
            frame, faces, self._smooth, service.finder, service.estimator, service.arguments
        )


def webcam_tab(service: Service) -> None:
    """The tab's components and events, in an open gradio.Blocks."""
    gradio = library("gradio")

    def answer(frame: np.ndarray, stream: Stream | None) -> tuple:
        image = cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)
        if stream is None or not stream.continues_with(image):
            stream = Stream(service)
        result = stream.answer(image)
        annotated = cv2.cvtColor(shrink(result.annotated, SIDE), cv2.COLOR_BGR2RGB)
        return stream, gradio.Image(annotated, label=f"{stream.rate:.0f} frames per second")

    with gradio.Row():
        live = gradio.Image(
            label="Faces",
            interactive=False,
            alt_text="The webcam's last frame with a box and a label at each face",
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
    stream = gradio.State(time_to_live=FILE_TTL_SECONDS)
    camera.stream(
        answer,
        inputs=[camera, stream],
        outputs=[stream, live],
        stream_every=_EVERY,
        show_progress="hidden",
        concurrency_limit=None,
        api_visibility="private",
    )
