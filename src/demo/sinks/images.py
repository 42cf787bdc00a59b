"""Images in --output_dir and --crops: annotated copies, crops, a histogram, pages."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import cv2
import numpy as np

from ...faces.crop import FaceCrop
from ...faces.detectors import DEFAULT_DETECTOR
from ...faces.detectors.base import Face
from ...faces.finder import FaceFinder
from ...faces.images import read_image, widest
from ...files import replacing
from ...labels import GENDERS, age_text
from ...outputs import locked
from ...thumbnails import data_url, shrink
from ..arguments import Arguments
from ..job import Job, Result, Sink
from ..overlay import wording

if TYPE_CHECKING:
    import pandas as pd

MAX_LABELLED = 20  # images in the table
_GREY = {".pgm", ".pbm"}  # formats without colour
_RAW_SIDE = 224  # maximum, in pixels
_ALIGNED = FaceFinder(DEFAULT_DETECTOR, None, FaceCrop(112, 0.0, "five_points"))
_HEAD = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Ages and genders, estimated</title>
<style>
  body { font: 16px/1.4 system-ui, sans-serif; margin: 1rem }
  th, td { padding: .5rem; text-align: left }
  img { max-height: 15rem; max-width: 100% }
  .gallery thead { display: none }
  .gallery tr { display: inline-block; vertical-align: top; width: 17rem }
  .gallery td { display: block; overflow-wrap: anywhere; padding: 0 .5rem }
</style>
"""


def copy_path(folder: Path, name: str) -> Path:
    """The path of the annotated copy of the image `name`: its own name, or a JPEG if its format
    cannot be written in colour."""
    path = folder / name
    can_write = path.suffix.lower() not in _GREY and cv2.haveImageWriter(path.name)
    return path if can_write else path.with_name(f"{path.name}.annotated.jpg")


def crop_path(folder: Path, name: str, number: int) -> Path:
    return folder / f"{name}_{number}.png"


def write_image(path: Path, image: np.ndarray) -> None:
    """Write `image`, uint8 (H, W, 3), BGR, in the format of the path's suffix, atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _, data = cv2.imencode(path.suffix, image)
    with replacing(path) as partial:
        partial.write_bytes(data)


@contextmanager
def annotated_copies(job: Job) -> Iterator[Sink]:
    """Copies with boxes and labels, in the folder --output_dir."""
    folder = job.arguments.output_dir
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder, "copies"):
        yield lambda result: write_image(copy_path(folder, result.frame.name), result.annotated)


@contextmanager
def face_crops(job: Job) -> Iterator[Sink]:
    """The network's crop of every face, as NAME_FACE.png in the folder --crops."""
    folder = job.arguments.crops
    folder.mkdir(parents=True, exist_ok=True)

    def save(result: Result) -> None:
        for number, face in zip(result.numbers, result.crops, strict=True):
            write_image(crop_path(folder, result.frame.name, number), face)

    with locked(folder, "crops"):
        yield save


def write_histogram(job: Job, results: list[Result]) -> None:
    """ages_by_gender.png, or another name if an image's copy has this one."""
    folder = job.arguments.output_dir
    copies = {str(copy_path(folder, name)).casefold() for name in job.images}
    path = folder / "ages_by_gender.png"
    while str(path).casefold() in copies:
        path = path.with_stem(f"{path.stem}-2")
    rows = [(f.age, f.age, GENDERS.index(f.gender)) for result in results for f in result.faces]
    if rows:
        import pandas as pd

        from ...data.summary import plot_ages

        with replacing(path) as partial:
            plot_ages(pd.DataFrame(rows, columns=["age_low", "age_high", "gender"]), partial)


def write_gallery(job: Job, results: list[Result]) -> None:
    """gallery.html with the copies of all images and their faces."""
    rows = []
    for result in results:
        name, faces = result.frame.name, [words.full for words in result.words]
        if len(faces) > 1:
            faces = [f"{number}: {face}" for number, face in enumerate(faces, 1)]
        link = quote(os.fsencode(copy_path(Path(), name).as_posix()))
        image = f'<a href="{link}">{_image(link, name)}</a>'
        rows.append({"image": image, "file": escape(name), "faces": "; ".join(faces) or "no face"})
    _write_page(job.arguments.output_dir / "gallery.html", f"{len(rows)} images", rows)


def _image(source: str, text: str) -> str:
    return f'<img src="{source}" alt="{escape(text)}" loading="lazy">'


def _write_page(path: Path, title: str, rows: list[dict[str, str]]) -> None:
    """Write a page with a table of cells in HTML, by their headers."""
    import pandas as pd

    with pd.option_context("display.max_colwidth", None):
        options = {"escape": False, "index": False, "border": 0, "classes": path.stem}
        table = pd.DataFrame(rows).to_html(**options)
    with replacing(path) as partial:
        text = f"{_HEAD}<h1>{title}</h1>\n{table}\n</html>\n"
        partial.write_text(text, encoding="utf-8", errors="replace")


def labelled_images(arguments: Arguments) -> tuple[dict[str, Path], pd.DataFrame]:
    """The images of --labels by name, and its records, indexed by name; paths are relative to
    --image_dir, by default the file's folder."""
    from ...data.datasets import read_dataset

    labels, encoding = arguments.label_file, arguments.encoding
    folder = arguments.image_dir or labels.parent
    table = read_dataset("csv", folder, labels=labels, encoding=encoding).table
    return {name: folder / name for name in table["path"]}, table.set_index("path")


def write_labelled(job: Job, results: list[Result]) -> None:
    """table.html with labels and estimates of the first `MAX_LABELLED` images."""
    rows = [_labelled_row(job, result) for result in results[:MAX_LABELLED]]
    _write_page(job.arguments.output_dir / "table.html", "Labels and estimates", rows)


def _labelled_row(job: Job, result: Result) -> dict[str, str]:
    """An image, its largest face, its label and its estimate, wrong parts marked, in HTML."""
    name = result.frame.name
    image = read_image(job.images[name])
    record = job.labels.loc[name]
    years = age_text(record["age_low"], record["age_high"])
    gender = "?" if np.isnan(record["gender"]) else GENDERS[int(record["gender"])]
    raw = _image(data_url(shrink(image, _RAW_SIDE)), name)
    row = {"file": escape(name), "raw": raw, "aligned": "", "true": f"{years}, {gender}"}
    row["predicted"] = "no face found"
    if result.faces:
        face = result.faces[widest([face.box for face in result.faces])]
        crops = _ALIGNED.find(image, [Face(face.box)]).crops
        row["aligned"] = "".join(_image(data_url(crop), "aligned") for crop in crops)
        is_off = record["age_high"] < face.age_low or record["age_low"] > face.age_high
        age = _marked(wording(face, "age").full, is_off)
        is_other = gender in GENDERS and gender != face.gender
        row["predicted"] = f"{age}, {_marked(face.gender, is_other)}"
    return row


def _marked(text: str, is_wrong: bool) -> str:
    return f"<mark>{text}</mark>" if is_wrong else text
