"""The demo's page in a browser, by Gradio: pictures or a webcam in, ages and genders out."""

from __future__ import annotations

import csv
import io
import math
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pandas as pd

from src.demo.overlay import COLOURS, annotate
from src.demo.result import Result
from src.demo.sinks.records import COLUMNS, as_text, records
from src.demo.smoothing import Smoother
from src.demo.sources import Picture
from src.demo.tracking import Tracker
from src.estimation.estimator import Estimator
from src.extras import library
from src.faces.finder import FaceFinder
from src.faces.images import ImageError, read_image, shrink
from src.labels import AGES, GENDERS, INITIALS

if TYPE_CHECKING:
    import gradio


MAX_MEGABYTES = 20  # of an uploaded file
MAX_PIXELS = 50_000_000  # of a picture, 150 MB once decoded, however small its file
MAX_PICTURES = 20  # of one upload
KEPT = 120  # seconds that files are kept
_EVERY = 0.2  # seconds between the frames that a page sends
_PAUSE = 2  # seconds without a frame, after which a stream is a new one
_SIDE = 1280  # pixels of the longer side of the picture that goes back to the page
_HEADERS = ["face", "picture", "age", "80 % interval", "gender"]
_NOTE = (
    "Estimates of age and gender by a small network that was trained on public portraits: "
    "**statistical guesses, for research only**. Its errors differ by age, gender and group; the "
    "model card, `pretrained_models/README.md`, lists them. Pictures go to the computer that "
    "serves this page and nowhere else; files are deleted within minutes."
)
_LEGEND = "Hover or click a label or a row to find its face. Curves: how probable each age is."
# A row or a label that is clicked marks its face and its row, in the browser alone.
_MARK = """() => {
  const page = document.querySelector('.gradio-container');
  const labels = () => [...page.querySelectorAll('.shown .legend-item')];
  const rows = () => [...page.querySelectorAll('.faces [role=row]')];
  const number = (text) => parseInt(text);
  const mark = (i) => {
    rows().forEach((row) => row.classList.toggle('marked', faceOf(row) === i));
    labels().forEach((label) => {
      const on = number(label.innerText) === i;
      label.dispatchEvent(new MouseEvent(on ? 'mouseover' : 'mouseout', {bubbles: true}));
      label.classList.toggle('marked', on);
    });
  };
  const faceOf = (row) => number(row.querySelector('[role=gridcell]')?.innerText);
  const found = (event) => {
    const label = event.target.closest?.('.shown .legend-item');
    const row = event.target.closest?.('.faces [role=row]');
    return label ? number(label.innerText) : row ? faceOf(row) : null;
  };
  for (const kind of ['click', 'mouseover']) {
    page.addEventListener(kind, (event) => {
      if (!event.isTrusted) return;
      const face = found(event);
      if (face) mark(face);
    });
  }
}"""
STYLE = """
.marked { outline: 2px solid var(--color-accent) !important; outline-offset: -2px }
.shown img { max-height: 75vh; object-fit: contain }
"""


class Analyser:
    """Finds and estimates the faces of one picture at a time, for all visitors."""

    def __init__(self, finder: FaceFinder, estimator: Estimator):
        self.finder, self.estimator = finder, estimator
        self.turn = threading.Lock()  # a detector must not be called twice at a time

    def __call__(self, path: Path) -> Result:
        """The faces of a picture file, from left to right. Raises `ImageError`."""
        image = read_upload(path)
        with self.turn:
            faces = sorted(self.finder.detect(image), key=lambda face: face.box)
            crops = self.finder.crop.stack(image, faces)
            boxes = [face.box for face in faces]
            return Result(Picture(path.name, image), boxes, self.estimator(crops), crops)


class Stream:
    """A webcam's stream: faces are tracked, and predictions smoothed along each track."""

    def __init__(self, analyser: Analyser, smooth: int):
        self._analyser, self._smooth = analyser, Smoother(smooth)
        self._track = Tracker(analyser.finder.detect)
        self._shape: tuple[int, ...] | None = None
        self._time = 0.0

    def goes_on_with(self, image: np.ndarray) -> bool:
        """Whether the frame `image` may be the next: soon enough, and of the same size."""
        return image.shape == self._shape and time.monotonic() < self._time + _PAUSE

    def answer(self, image: np.ndarray) -> Result:
        """The faces of the next frame, uint8 (H, W, 3), BGR."""
        with self._analyser.turn:
            tracks = self._track(image)
            numbers, boxes = [track.number for track in tracks], [t.face.box for t in tracks]
            faces = self._analyser.finder.crop.stack(image, [track.face for track in tracks])
            estimates = self._smooth(numbers, self._analyser.estimator(faces))
        self._shape, self._time = image.shape, time.monotonic()
        return Result(Picture("webcam", image), boxes, estimates, faces, numbers)


def read_upload(path: Path) -> np.ndarray:
    """`read_image`, which raises `ImageError` also if there are more than `MAX_PIXELS`."""
    from PIL import Image

    try:
        with Image.open(path) as header:  # nothing is decoded yet
            pixels = header.width * header.height
    except Image.DecompressionBombError:
        pixels = math.inf
    except OSError:  # Pillow does not read all that OpenCV does
        pixels = 0
    if pixels > MAX_PIXELS:
        limit = f"{MAX_PIXELS // 10**6} million pixels"
        raise ImageError(f"{path}: expected a picture of at most {limit}, found a larger one")
    return read_image(path)


def annotated(result: Result, first: int = 1) -> np.ndarray:
    """The picture with its faces numbered from `first`, uint8 (H, W, 3), BGR."""
    return annotate(result.picture.image, result.boxes, result.estimates, number=first)


def table_of(results: list[Result]) -> pd.DataFrame:
    """One row per face, as text, with the columns `_HEADERS`; faces are numbered from 1."""
    rows = []
    for result in results:
        of = result.estimates
        for i in range(len(result.boxes)):
            interval = f"{of.age_low[i]} to {of.age_high[i]}"
            gender = f"{GENDERS[of.gender[i]]}, {100 * of.p_gender[i]:.0f} %"
            name = result.picture.name
            rows.append([len(rows) + 1, name, f"{of.age[i]:.0f}", interval, gender])
    return pd.DataFrame(rows, columns=_HEADERS)


def curves_of(result: Result, first: int = 1) -> pd.DataFrame:
    """The age distribution of each face: columns age, probability and face, from `first` on."""
    distributions = result.estimates.age_distribution
    return pd.DataFrame(
        {
            "age": np.tile(AGES, len(distributions)),
            "probability": np.asarray(distributions, float).ravel().round(4),
            "face": np.repeat([f"face {first + i}" for i in range(len(distributions))], len(AGES)),
        }
    )


def csv_of(results: list[Result]) -> bytes:
    """The records of demo.py --csv."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(as_text(record) for result in results for record in records(result))
    return text.getvalue().encode("utf-8", "surrogateescape")


def sections_of(result: Result, first: int = 1) -> tuple[tuple, dict[str, str]]:
    """The value of gradio.AnnotatedImage, the annotated picture, RGB, and the places of its faces
    with their labels, numbered from `first`; and the colour of each label."""
    picture = shrink(annotated(result, first), _SIDE)
    scale = picture.shape[1] / result.picture.image.shape[1]
    height, width = picture.shape[:2]
    of, places, colours = result.estimates, [], {}
    for i, box in enumerate(result.boxes):
        interval = f"{of.age_low[i]}-{of.age_high[i]}"
        label = f"{first + i}: {of.age[i]:.0f} ({interval}) {INITIALS[of.gender[i]]}"
        left, top, right, bottom = (round(edge * scale) for edge in box)
        places.append(((max(left, 0), max(top, 0), min(right, width), min(bottom, height)), label))
        colours[label] = "#{:02x}{:02x}{:02x}".format(*COLOURS[of.gender[i]][::-1])
    return (cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), places), colours


def make_page(analyser: Analyser, smooth: int, folder: Path) -> gradio.Blocks:
    """The page: a tab for pictures and one for a webcam.

    smooth: frames of the webcam that predictions are smoothed over.
    folder: of the files that are downloaded, which Gradio deletes.
    """
    gradio = library("gradio")
    processing = library("gradio.processing_utils", "gradio")

    def shown(result: Result, first: int) -> object:
        value, colours = sections_of(result, first)
        return gradio.AnnotatedImage(value, color_map=colours)

    def download(content: bytes, name: str) -> object:
        path = processing.save_bytes_to_cache(content, name, str(folder))
        return gradio.DownloadButton(value=path, interactive=True)

    def answer(gallery: list[tuple[str, str]] | None, chosen: int = 0) -> list:
        results, problems = [], []
        for path, _ in (gallery or [])[:MAX_PICTURES]:
            try:
                results.append(analyser(Path(path)))
            except ImageError as error:
                problems.append(str(error).replace(path, Path(path).name))
        if len(gallery or []) > MAX_PICTURES:
            problems.append(f"only the first {MAX_PICTURES} pictures were used")
        if not results:
            none = gradio.DownloadButton(interactive=False)
            return [None, table_of([]), None, none, none, "  \n".join(problems)]
        chosen = min(chosen, len(results) - 1)
        result, before = results[chosen], results[:chosen]
        first = 1 + sum(len(other.boxes) for other in before)
        if not any(result.boxes for result in results):
            problems.append("No face was found.")
        _, copy = cv2.imencode(".jpg", annotated(result, first))
        return [
            shown(result, first),
            table_of(results),
            curves_of(result, first),
            download(csv_of(results), "faces.csv"),
            download(copy.tobytes(), f"{Path(result.picture.name).stem}.annotated.jpg"),
            "  \n".join([*problems, _LEGEND]),
        ]

    def portrait() -> list[str]:
        name = "grace_hopper.jpg"  # of the US Navy, in the public domain
        with library("matplotlib.cbook").get_sample_data(name) as file:
            return [processing.save_bytes_to_cache(file.read(), name, str(folder))]

    def answer_chosen(gallery: list, event: gradio.SelectData) -> list:
        return answer(gallery, event.index)

    def answer_frame(frame: np.ndarray, stream: Stream | None) -> tuple:
        image = cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)
        if stream is None or not stream.goes_on_with(image):
            stream = Stream(analyser, smooth)
        result = stream.answer(image)
        picture = cv2.cvtColor(shrink(annotated(result), _SIDE), cv2.COLOR_BGR2RGB)
        return stream, picture, table_of([result])

    # `event` is read from the signature, which knows no name that is only imported for types.
    answer_chosen.__annotations__["event"] = gradio.SelectData
    options = {"concurrency_limit": None, "api_visibility": "private"}
    with gradio.Blocks(
        title="Age and gender",
        analytics_enabled=False,
        fill_width=True,
        delete_cache=(KEPT // 2, KEPT),
    ) as page:
        gradio.Markdown(f"# Age and gender\n{_NOTE}")
        with gradio.Tab("Pictures"), gradio.Row():
            with gradio.Column(scale=3, min_width=320):
                gallery = gradio.Gallery(
                    label=f"Pictures, up to {MAX_MEGABYTES} MB each: drop, choose or paste",
                    sources=["upload", "clipboard"],
                    file_types=["image"],
                    interactive=True,
                    columns=6,
                    height=170,
                    allow_preview=False,
                )
                example = gradio.Button("Example: a portrait of Grace Hopper", size="sm")
                picture = gradio.AnnotatedImage(label="Faces", elem_classes="shown")
            with gradio.Column(scale=2, min_width=320):
                note = gradio.Markdown()
                table = gradio.Dataframe(
                    headers=_HEADERS, interactive=False, label="Faces", elem_classes="faces"
                )
                curves = gradio.LinePlot(
                    x="age", y="probability", color="face", x_lim=[0, 100], height=260
                )
                with gradio.Row():
                    rows = gradio.DownloadButton("Results as CSV", interactive=False, size="sm")
                    copy = gradio.DownloadButton("Annotated picture", interactive=False, size="sm")
        with gradio.Tab("Webcam"), gradio.Row():
            camera = gradio.Image(
                sources=["webcam"],
                streaming=True,
                webcam_options=gradio.WebcamOptions(mirror=False),
                label="Webcam",
                height=320,
            )
            with gradio.Column(min_width=320):
                live = gradio.Image(label="Faces", interactive=False, elem_classes="live")
                live_table = gradio.Dataframe(
                    headers=_HEADERS, interactive=False, elem_classes="live-faces"
                )
        outputs = [picture, table, curves, rows, copy, note]
        for event in (gallery.upload, gallery.delete):
            event(answer, gallery, outputs, **options)
        gallery.select(answer_chosen, gallery, outputs, **options)
        shown_example = example.click(portrait, None, gallery, **options)
        shown_example.then(answer, gallery, outputs, **options)
        stream = gradio.State(time_to_live=KEPT)
        camera.stream(
            answer_frame,
            inputs=[camera, stream],
            outputs=[stream, live, live_table],
            stream_every=_EVERY,
            show_progress="hidden",
            **options,
        )
        page.load(js=_MARK)
    return page
