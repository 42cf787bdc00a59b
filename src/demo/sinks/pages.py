"""Pages in --output_dir: a gallery of a folder's copies, and a table of labelled images."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

import numpy as np

from ...faces.crop import FaceCrop
from ...faces.detectors import DEFAULT_DETECTOR
from ...faces.finder import FaceFinder
from ...faces.images import data_url, read_image, shrink, widest
from ...files import replacing
from ...labels import GENDERS, age_text
from ..job import Job
from ..result import Result, Sink
from .copies import copy_path

if TYPE_CHECKING:
    import pandas as pd

MAX_LABELLED = 20  # images in the table
GALLERY, TABLE = "gallery.html", "table.html"
_RAW_SIDE = 224  # maximum, in pixels
_ALIGNED = FaceFinder(DEFAULT_DETECTOR, None, FaceCrop(112, 0.0, "five_points"))


class _Card(NamedTuple):
    """An image: its name, the address of its copy, and the texts of its faces."""

    name: str
    link: str
    faces: list[str]


class _Row(NamedTuple):
    """An image and its largest face as data URLs, and the texts of its label and its estimate."""

    name: str
    raw: str
    aligned: str
    true: str
    predicted: str


def labelled_images(labels: Path, folder: Path | None) -> tuple[dict[str, Path], pd.DataFrame]:
    """The labelled images of a CSV file by name, and its records, indexed by name.

    labels: see `datasets.labels_csv`; paths are relative to `folder`, by default the file's folder.
    """
    from ...data.datasets import read_dataset

    folder = folder or labels.parent
    table = read_dataset("csv", folder, labels=labels).table
    return {name: folder / name for name in table["path"]}, table.set_index("path")


def has_page(job: Job) -> bool:
    arguments = job.arguments
    return bool(arguments.output_dir and (arguments.folder or arguments.label_file))


def _path(job: Job) -> Path:
    return job.arguments.output_dir / (GALLERY if job.labels is None else TABLE)


@contextmanager
def page(job: Job) -> Iterator[Sink]:
    """gallery.html with all copies of a folder and their faces, or table.html with labels and
    estimates of the first `MAX_LABELLED` images; also of images of an earlier run."""
    job.arguments.output_dir.mkdir(parents=True, exist_ok=True)
    items = []

    def add(result: Result) -> None:
        if job.labels is None:
            items.append(_card(result))
        elif len(items) < MAX_LABELLED:
            name = result.frame.name
            image = read_image(job.images[name]) if result.restored else result.frame.image
            items.append(_row(result, image, job.labels.loc[name]))

    yield add
    import jinja2

    templates = jinja2.FileSystemLoader(Path(__file__).parent)
    template = jinja2.Environment(loader=templates, autoescape=True).get_template(_path(job).name)
    with replacing(_path(job)) as partial:
        partial.write_text(template.render(items=items), encoding="utf-8", errors="replace")


def _card(result: Result) -> _Card:
    name = result.frame.name
    numbers = [f"{number}: " for number in result.numbers] if len(result.boxes) > 1 else [""]
    faces = [n + words.full for n, words in zip(numbers, result.words, strict=False)]
    return _Card(name, quote(os.fsencode(copy_path(Path(), name).as_posix())), faces)


def _row(result: Result, image: np.ndarray, record: pd.Series) -> _Row:
    years = age_text(record["age_low"], record["age_high"])
    gender = "?" if np.isnan(record["gender"]) else GENDERS[int(record["gender"])]
    row = _Row(result.frame.name, data_url(shrink(image, _RAW_SIDE)), "", f"{years}, {gender}", "")
    if not result.boxes:
        return row._replace(predicted="no face found")
    face = widest(result.boxes)
    words, crops = result.words[face], _ALIGNED.find(image, [result.boxes[face]]).crops
    return row._replace(
        aligned=data_url(crops[0]) if len(crops) else "",
        predicted=f"{words.years} ({words.interval}), {words.gender}",
    )
