"""A table of labelled pictures, as in the PyTorch toolkit's demo."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import jinja2
import numpy as np

from ...data.datasets import read_dataset
from ...faces.crop import FaceCrop
from ...faces.detectors import DEFAULT_DETECTOR
from ...faces.detectors.base import Face
from ...faces.finder import FaceFinder
from ...faces.images import data_url, read_image, shrink, widest
from ...files import make_folder, replacing
from ...labels import GENDERS, age_text
from ...outputs import Output, begins_with
from ..job import Job
from ..result import Result, Sink
from .copies import is_picture

if TYPE_CHECKING:
    import pandas as pd

MAX_PICTURES = 20  # in the table
HTML, PNG = "table.html", "table.png"
_HEADERS = ("raw", "aligned", "true", "predicted")
_RAW_SIDE = 224  # maximum, in pixels
_ALIGNED = FaceFinder(DEFAULT_DETECTOR, None, FaceCrop(112, 0.0, "five_points"))
_INCHES = 1.6  # of a row in the PNG


@dataclass
class _Row:
    """A picture and its largest face, uint8 BGR, and the texts of its label and its estimate."""

    name: str
    raw: np.ndarray
    aligned: np.ndarray | None
    true: str
    predicted: str


def labelled_pictures(labels: Path, folder: Path | None) -> tuple[dict[str, Path], pd.DataFrame]:
    """The labelled pictures of a CSV file by name, and its records, indexed by name.

    labels: see `datasets.labels_csv`; paths are relative to `folder`, by default the file's folder.
    """
    folder = folder or labels.parent
    table = read_dataset("csv", folder, labels=labels).table
    return {name: folder / name for name in table["path"]}, table.set_index("path")


def has_table(job: Job) -> bool:
    return job.labels is not None


def table_outputs(job: Job) -> list[Output]:
    folder = job.args.output_dir
    if not folder.is_dir():
        return []
    is_page = begins_with(b"<!doctype html>\n<html lang=")
    return [
        Output("--output_dir", folder / HTML, "a table of demo.py", is_page),
        Output("--output_dir", folder / PNG, "a picture", is_picture),
    ]


@contextmanager
def labelled_table(job: Job) -> Iterator[Sink]:
    """The table of the first `MAX_PICTURES` pictures, a page and a picture in --output_dir."""
    folder = job.args.output_dir
    make_folder("--output_dir", folder)
    rows: list[_Row] = []

    def add(result: Result) -> None:
        if len(rows) < MAX_PICTURES:
            name = result.picture.name
            image = read_image(job.pictures[name]) if result.restored else result.picture.image
            rows.append(_row(result, image, job.labels.loc[name]))

    yield add
    with replacing(folder / HTML) as page:
        page.write_text(_page(rows), encoding="utf-8")
    with replacing(folder / PNG) as plot:
        _plot(rows, plot)


def _row(result: Result, image: np.ndarray, record: pd.Series) -> _Row:
    estimates = result.estimates
    years = age_text(record["age_low"], record["age_high"])
    gender = "?" if np.isnan(record["gender"]) else GENDERS[int(record["gender"])]
    true = f"{years}, {gender}"
    raw = shrink(image, _RAW_SIDE)
    if not result.boxes:
        return _Row(result.picture.name, raw, None, true, "no face found")
    face = widest(result.boxes)
    predicted = (
        f"{estimates.age[face]:.0f} ({estimates.age_low[face]}-{estimates.age_high[face]}), "
        f"{GENDERS[estimates.gender[face]]}"
    )
    located = _ALIGNED.located(image, [Face(result.boxes[face])])
    aligned = _ALIGNED.crop.crop(image, located[0]) if located else None
    return _Row(result.picture.name, raw, aligned, true, predicted)


def _page(rows: list[_Row]) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True
    )
    template = environment.get_template("gallery.html")
    return template.render(rows=rows, headers=_HEADERS, picture=data_url)


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
