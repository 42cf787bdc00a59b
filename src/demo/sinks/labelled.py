"""A table of labelled images, as in the PyTorch toolkit's demo."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ...data.datasets import read_dataset
from ...faces.crop import FaceCrop
from ...faces.detectors import DEFAULT_DETECTOR
from ...faces.detectors.base import Face
from ...faces.finder import FaceFinder
from ...faces.images import data_url, read_image, shrink, widest
from ...files import make_folder, replacing
from ...labels import GENDERS, age_text
from ...outputs import Output
from ..job import Job
from ..result import Result, Sink
from .copies import copy_path, free_name, is_image
from .gallery import is_page, render

if TYPE_CHECKING:
    import pandas as pd

MAX_IMAGES = 20  # in the table
HTML, PNG = "table.html", "table.png"
_HEADERS = ("raw", "aligned", "true", "predicted")
_RAW_SIDE = 224  # maximum, in pixels
_ALIGNED = FaceFinder(DEFAULT_DETECTOR, None, FaceCrop(112, 0.0, "five_points"))
_INCHES = 1.6  # of a row in the PNG


@dataclass
class _Row:
    """An image and its largest face, uint8 BGR, and the texts of its label and its estimate."""

    name: str
    raw: np.ndarray
    aligned: np.ndarray | None
    true: str
    predicted: str


def labelled_images(labels: Path, folder: Path | None) -> tuple[dict[str, Path], pd.DataFrame]:
    """The labelled images of a CSV file by name, and its records, indexed by name.

    labels: see `datasets.labels_csv`; paths are relative to `folder`, by default the file's folder.
    """
    folder = folder or labels.parent
    table = read_dataset("csv", folder, labels=labels).table
    return {name: folder / name for name in table["path"]}, table.set_index("path")


def has_table(job: Job) -> bool:
    return job.labels is not None


def _png(job: Job) -> Path:
    folder = job.arguments.output_dir
    return folder / free_name(PNG, [copy_path(folder, name).name for name in job.images])


def table_outputs(job: Job) -> list[Output]:
    folder = job.arguments.output_dir
    if not folder.is_dir():
        return []
    return [
        Output("--output_dir", folder / HTML, "a table of demo.py", is_page),
        Output("--output_dir", _png(job), "an image", is_image),
    ]


@contextmanager
def labelled_table(job: Job) -> Iterator[Sink]:
    """The table of the first `MAX_IMAGES` images, a page and an image in --output_dir."""
    folder = job.arguments.output_dir
    make_folder("--output_dir", folder)
    rows: list[_Row] = []

    def add(result: Result) -> None:
        if len(rows) < MAX_IMAGES:
            name = result.frame.name
            image = read_image(job.images[name]) if result.restored else result.frame.image
            rows.append(_row(result, image, job.labels.loc[name]))

    yield add
    with replacing(folder / HTML) as page:
        text = render("labelled.html", rows=rows, headers=_HEADERS, image_url=data_url)
        page.write_text(text, encoding="utf-8")
    with replacing(_png(job)) as plot:
        _plot(rows, plot)


def _row(result: Result, image: np.ndarray, record: pd.Series) -> _Row:
    years = age_text(record["age_low"], record["age_high"])
    gender = "?" if np.isnan(record["gender"]) else GENDERS[int(record["gender"])]
    true = f"{years}, {gender}"
    raw = shrink(image, _RAW_SIDE)
    if not result.boxes:
        return _Row(result.frame.name, raw, None, true, "no face found")
    face = widest(result.boxes)
    words = result.words[face]
    predicted = f"{words.years} ({words.interval}), {words.gender}"
    located = _ALIGNED.located(image, [Face(result.boxes[face])])
    aligned = _ALIGNED.crop.crop(image, located[0]) if located else None
    return _Row(result.frame.name, raw, aligned, true, predicted)


def _plot(rows: list[_Row], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, _INCHES * max(len(rows), 1)), layout="constrained")
    axes = figure.subplots(max(len(rows), 1), len(_HEADERS), squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for axis, header in zip(axes[0], _HEADERS, strict=True):
        axis.set_title(header)
    for row, (raw, aligned, true, predicted) in zip(rows, axes, strict=False):
        raw.imshow(cv2.cvtColor(row.raw, cv2.COLOR_BGR2RGB))
        if row.aligned is not None:
            aligned.imshow(cv2.cvtColor(row.aligned, cv2.COLOR_BGR2RGB))
        for axis, text in ((true, row.true), (predicted, row.predicted)):
            axis.text(0.5, 0.5, text.replace(", ", "\n"), ha="center", va="center")
    figure.savefig(path, dpi=100)
