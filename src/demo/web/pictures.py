"""The page's tab for pictures."""

import math
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from ...extras import library
from ...faces.images import EXTENSIONS, ImageError, read_image, shrink
from ...labels import AGES, GENDERS
from ..overlay import annotate, colour_of
from ..result import Result
from ..results import image_result
from ..sinks.records import COLUMNS, csv_header, csv_text, records
from .guard import MAX_MEGABYTES, MAX_PICTURES, MAX_PIXELS
from .page import Service

_LEGEND = (
    "Point at a face, a label or a row to mark it. The interval contains the age with a "
    "probability of 80 %; the curves show the probability of each age."
)
_OTHERS = "Click one of the pictures to see its faces. "
SIDE = 1280  # pixels of the longer side of the picture that goes back to the page
HEADERS = ["face", "age", "interval", "gender", "picture"]


def analyse(service: Service, path: Path) -> Result:
    """The faces of a picture file, from left to right. Raises `ImageError`."""
    image = read_upload(path)
    found = service.finder.find(image)
    return image_result(path.name, found, service.estimator(found.crops), service.arguments)


def read_upload(path: Path) -> np.ndarray:
    """`read_image`, which raises `ImageError` also above `MAX_MEGABYTES` or `MAX_PIXELS`."""
    from PIL import Image

    if path.stat().st_size > MAX_MEGABYTES * 2**20:
        raise ImageError(f"{path}: expected a picture of at most {MAX_MEGABYTES} MB")
    try:
        with Image.open(path) as header:  # without decoding
            pixels = header.width * header.height
    except Image.DecompressionBombError:
        pixels = math.inf
    except OSError:  # OpenCV may read it
        pixels = 0
    if pixels > MAX_PIXELS:
        limit = f"{MAX_PIXELS // 10**6} million pixels"
        raise ImageError(f"{path}: expected a picture of at most {limit}, found a larger one")
    return read_image(path)


def annotated(result: Result, first: int = 1) -> np.ndarray:
    """The picture with its faces numbered from `first`, uint8 (H, W, 3), BGR."""
    return annotate(
        result.frame.image,
        result.boxes,
        result.estimates,
        numbers=range(first, first + len(result.boxes)),
    )


def table_of(results: list[Result]) -> pd.DataFrame:
    """One row per face, as text, with the columns `HEADERS`; faces are numbered from 1."""
    rows = []
    for result in results:
        of = result.estimates
        for i in range(len(result.boxes)):
            interval = f"{of.age_low[i]}-{of.age_high[i]}"
            gender = f"{GENDERS[of.gender[i]]}, {100 * of.p_gender[i]:.0f} %"
            rows.append([len(rows) + 1, f"{of.age[i]:.0f}", interval, gender, result.frame.name])
    return pd.DataFrame(rows, columns=HEADERS)


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
    rows = (record for result in results for record in records(result))
    return (csv_header(COLUMNS) + csv_text(rows, COLUMNS)).encode("utf-8", "surrogateescape")


def sections_of(result: Result, first: int = 1) -> tuple[tuple, dict[str, str]]:
    """The value of gradio.AnnotatedImage, the annotated picture, RGB, and the masks of its faces
    with their labels, numbered from `first`; and the colour of each label."""
    picture = shrink(annotated(result, first), SIDE)
    scale = picture.shape[1] / result.frame.image.shape[1]
    height, width = picture.shape[:2]
    of, places, colours = result.estimates, [], {}
    for i, box in enumerate(result.boxes):
        label = f"{first + i}: {result.words[i].full}"
        left, top, right, bottom = (round(edge * scale) for edge in box)
        places.append(((max(left, 0), max(top, 0), min(right, width), min(bottom, height)), label))
        colours[label] = "#{:02x}{:02x}{:02x}".format(*colour_of(of, i)[::-1])
    return (cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), places), colours


def picture_tab(service: Service) -> None:
    """The tab's components and events, in an open gradio.Blocks."""
    gradio = library("gradio")

    def answer_chosen(gallery: list, event: gradio.SelectData) -> list:
        return answer(service, gallery, event.index)

    with gradio.Column(scale=3, min_width=320):
        gallery = gradio.Gallery(
            label=f"Up to {MAX_PICTURES} pictures of {MAX_MEGABYTES} MB",
            sources=["upload", "clipboard"],
            file_types=["image", "file", *sorted(EXTENSIONS)],  # "file": the server takes all
            interactive=True,
            columns=6,
            height=170,
            object_fit="contain",
            allow_preview=False,
            elem_classes="small",
        )
        example = gradio.Button("Example: a portrait of Grace Hopper", size="sm")
        picture = gradio.AnnotatedImage(label="Faces", elem_classes="shown")
    with gradio.Column(scale=2, min_width=320):
        note = gradio.Markdown()
        table = gradio.Dataframe(
            headers=HEADERS, interactive=False, label="Faces", elem_classes="faces"
        )
        curves = gradio.LinePlot(x="age", y="probability", color="face", x_lim=[0, 100], height=260)
        with gradio.Row():
            rows = gradio.DownloadButton("Results as CSV", interactive=False, size="sm")
            copy = gradio.DownloadButton("Annotated picture", interactive=False, size="sm")
    outputs = [picture, table, curves, rows, copy, note]
    options = {"concurrency_limit": None, "api_visibility": "private"}
    show = partial(answer, service)
    for event in (gallery.upload, gallery.delete):
        event(show, gallery, outputs, **options)
    gallery.select(answer_chosen, gallery, outputs, **options)
    shown_example = example.click(partial(_portrait, service), None, gallery, **options)
    shown_example.then(show, gallery, outputs, **options)


def answer(service: Service, gallery: list[tuple[str, str]] | None, chosen: int = 0) -> list:
    """The values of the tab's outputs for the uploads; the `chosen` one is shown."""
    gradio = library("gradio")
    results, problems = [], []
    for path, _ in (gallery or [])[:MAX_PICTURES]:
        try:
            results.append(analyse(service, Path(path)))
        except ImageError as error:
            problems.append(str(error).replace(path, Path(path).name))
    if len(gallery or []) > MAX_PICTURES:
        problems.append(f"Only the first {MAX_PICTURES} pictures were used.")
    if not results:
        none = gradio.DownloadButton(interactive=False)
        return [None, table_of([]), None, none, none, "  \n".join(problems)]
    chosen = min(chosen, len(results) - 1)
    result, before = results[chosen], results[:chosen]
    first = 1 + sum(len(other.boxes) for other in before)
    if not any(result.boxes for result in results):
        problems.append("No face was found; small faces are not searched for.")
    value, colours = sections_of(result, first)
    _, copy = cv2.imencode(".jpg", annotated(result, first))
    copy_name = f"{Path(result.frame.name).stem}.annotated.jpg"
    return [
        gradio.AnnotatedImage(value, color_map=colours),
        table_of(results),
        curves_of(result, first),
        gradio.DownloadButton(
            value=service.new_file(csv_of(results), "faces.csv"), interactive=True
        ),
        gradio.DownloadButton(value=service.new_file(copy.tobytes(), copy_name), interactive=True),
        "  \n".join([*problems, (_OTHERS if len(results) > 1 else "") + _LEGEND]),
    ]


def _portrait(service: Service) -> list[str]:
    name = "grace_hopper.jpg"  # of the US Navy, in the public domain
    with library("matplotlib.cbook").get_sample_data(name) as file:
        return [service.new_file(file.read(), name)]
