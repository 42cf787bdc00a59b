"""The demo's page in a browser, by Gradio: pictures or a webcam in, ages and genders out."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from src.demo.overlay import annotate
from src.demo.smoothing import Smoother
from src.demo.tracking import Tracker
from src.estimation.estimator import Estimates, Estimator
from src.extras import library
from src.faces.images import Box, ImageError, data_url, read_image, resize, shrink
from src.labels import GENDERS, MAX_AGE

if TYPE_CHECKING:
    import gradio

Detect = Callable[[np.ndarray], list[Box]]
Cut = Callable[[np.ndarray, list[Box]], np.ndarray]
Answer = tuple[str, str]  # HTML of the picture, and of what is said of its faces

MOST_MEGABYTES = 20  # of an uploaded file
MOST_PIXELS = 50_000_000  # of a picture, 150 MB once decoded, however small its file
KEPT = 60  # seconds that an upload, or a stream, may wait for its page to go on
_EVERY = 0.2  # seconds between the frames that a page sends
_PAUSE = 2  # seconds without a frame, after which a stream is a new one
_SHOWN_SIDE = 960  # pixels of the longer side of the picture that goes back to the page
_THUMBNAIL = 48  # pixels
_NOTE = (
    "Ages and genders here are statistical guesses, for research only. Pictures go to the demo's "
    "process on the computer that serves this page and nowhere else, and nothing is stored."
)
_LEGEND = "Curves show how probable each age is, and the shaded years hold 80 %."
STYLE = f"""
.picture img {{ max-width: 100%; max-height: 70vh; margin: auto }}
.faces ol {{ padding: 0; list-style: none }}
.faces li {{ display: flex; flex-wrap: wrap; align-items: center; gap: 4px 16px; margin: 12px 0 }}
.faces img {{ width: {_THUMBNAIL}px }}
.faces li p {{ margin: 0; width: 230px }}
.faces svg {{ flex: 1; min-width: 240px; max-width: 340px }}
.faces polyline {{ fill: none; stroke: #2f80d8 }}
.faces rect {{ fill: #2f80d8; opacity: 0.25 }}
.faces text {{ fill: currentColor; font-size: 5px; text-anchor: middle }}
"""


def make_page(detect: Detect, cut: Cut, estimator: Estimator, smooth: int) -> gradio.Blocks:
    """The page: a tab for pictures, one for a webcam, and below what was seen.

    smooth: frames of the webcam that what is said of a face is averaged over.
    """
    gradio = library("gradio")
    turn = threading.Lock()  # a detector must not be called twice at a time

    def answer_file(path: str) -> tuple:
        with turn:
            # No file: it is gone, and the field is free for the next.
            return None, *answer_upload(Path(path), detect, cut, estimator)

    def answer_frame(frame: np.ndarray, stream: Stream | None) -> tuple:
        image = cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)
        with turn:
            if stream is None or not stream.goes_on_with(image):
                stream = Stream(detect, cut, estimator, smooth)
            return stream, *stream.answer(image)

    with gradio.Blocks(title="Age and gender", analytics_enabled=False) as page:
        gradio.Markdown(f"# Age and gender\n{_NOTE}")
        with gradio.Tab("Picture"):
            file = gradio.File(
                label=f"Picture, up to {MOST_MEGABYTES} MB", file_types=["image"], height=140
            )
        with gradio.Tab("Webcam"):
            camera = gradio.Image(
                sources=["webcam"],
                streaming=True,
                webcam_options=gradio.WebcamOptions(mirror=False),
                label="Webcam",
                height=280,
            )
        picture, faces = gradio.HTML(elem_classes="picture"), gradio.HTML(elem_classes="faces")
        options = {"concurrency_limit": None, "api_visibility": "private"}
        file.upload(answer_file, file, [file, picture, faces], **options)
        stream = gradio.State(time_to_live=KEPT)
        camera.stream(
            answer_frame,
            inputs=[camera, stream],
            outputs=[stream, picture, faces],
            stream_every=_EVERY,
            show_progress="hidden",
            **options,
        )
    return page


def answer_upload(path: Path, detect: Detect, cut: Cut, estimator: Estimator) -> Answer:
    """What the page shows of an uploaded file, which is deleted."""
    try:
        image = read_upload(path)
    except ImageError as error:
        said = str(error).replace(str(path), path.name)
        return f'<p role="alert">{escape(said)}</p>', ""
    finally:
        path.unlink(missing_ok=True)
        with suppress(OSError):  # Gradio makes a folder for each upload, named by its content
            path.parent.rmdir()
    boxes = detect(image)
    faces = cut(image, boxes)
    return _answer(image, boxes, faces, estimator(faces))


def read_upload(path: Path) -> np.ndarray:
    """`read_image`, which raises `ImageError` too where there are more than `MOST_PIXELS`."""
    from PIL import Image

    try:
        with Image.open(path) as header:  # nothing is decoded yet
            pixels = header.width * header.height
    except Image.DecompressionBombError:
        pixels = math.inf
    except OSError as error:
        raise ImageError(f"{path}: expected a picture, found none that can be read") from error
    if pixels > MOST_PIXELS:
        most = f"{MOST_PIXELS // 10**6} million pixels"
        raise ImageError(f"{path}: expected a picture of up to {most}, found more of them")
    return read_image(path)


class Stream:
    """A webcam's stream: its faces are followed, and what is said of each is averaged."""

    def __init__(self, detect: Detect, cut: Cut, estimator: Estimator, smooth: int):
        self._track, self._smooth = Tracker(detect), Smoother(smooth)
        self._cut, self._estimator = cut, estimator
        self._shape: tuple[int, ...] | None = None
        self._time = 0.0

    def goes_on_with(self, image: np.ndarray) -> bool:
        """Whether the frame `image` may be the next: soon enough, and of the same size."""
        return image.shape == self._shape and time.monotonic() < self._time + _PAUSE

    def answer(self, image: np.ndarray) -> Answer:
        """What the page shows of the next frame, uint8 (H, W, 3), BGR."""
        tracks = self._track(image)
        numbers, boxes = [track.number for track in tracks], [track.box for track in tracks]
        faces = self._cut(image, boxes)
        estimates = self._smooth(numbers, self._estimator(faces))
        self._shape, self._time = image.shape, time.monotonic()
        return _answer(image, boxes, faces, estimates)


def _answer(image: np.ndarray, boxes: list[Box], faces: np.ndarray, said: Estimates) -> Answer:
    annotated = annotate(image, boxes, said)
    picture = shrink(annotated, _SHOWN_SIDE)
    if not boxes:
        return _img(picture, "picture"), "<p>No face was found.</p>"
    by_place = sorted(range(len(boxes)), key=lambda i: boxes[i])  # from left to right
    items = "".join(_item(faces[i], said, i) for i in by_place)
    return _img(picture, "picture with its faces"), f"<ol>{items}</ol><p>{_LEGEND}</p>"


def _item(face: np.ndarray, said: Estimates, i: int) -> str:
    gender = f"{GENDERS[said.gender[i]]}, {100 * said.p_gender[i]:.0f} %"
    years = f"{said.age[i]:.0f} years, 80 % from {said.age_low[i]} to {said.age_high[i]}"
    plot = _plot(said.age_distribution[i], said.age_low[i], said.age_high[i])
    thumbnail = _img(resize(face, _THUMBNAIL), "face")
    return f"<li>{thumbnail}<p>{years}<br>{gender}</p>{plot}</li>"


def _plot(shares: np.ndarray, low: int, high: int) -> str:
    """An age distribution (101,) and its interval, as SVG that is drawn anew with every frame."""
    points = " ".join(
        f"{age},{30 - 28 * share:.1f}" for age, share in enumerate(shares / shares.max())
    )
    ticks = "".join(f'<text x="{age}" y="39">{age}</text>' for age in range(0, MAX_AGE + 1, 20))
    interval = f'<rect x="{low}" width="{high - low}" height="30"/>'
    return f'<svg viewBox="-6 0 112 41">{interval}<polyline points="{points}"/>{ticks}</svg>'


def _img(image: np.ndarray, alt: str) -> str:
    """The picture within HTML, so that no file is made of it."""
    return f'<img alt="{alt}" src="{data_url(image)}">'
