"""The page's tab for a webcam."""

import time

import cv2
import numpy as np

from ...extras import library
from ...faces.images import shrink
from ..job import Result
from ..results import TrackedFaces
from ..sources import Frame
from .images import SIDE
from .service import EVENT, FILE_TTL_SECONDS, Service

_EVERY = 0.2  # seconds between the frames that a page sends
_PAUSE = 2  # seconds without a frame after which new tracks begin


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
    gradio = library("gradio")

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
