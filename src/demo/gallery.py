"""The PyTorch toolkit's demo table: pictures, aligned faces, true and estimated age and gender."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import jinja2
import numpy as np

from src.data.datasets import read_dataset
from src.demo.result import Result
from src.faces.crop import TEMPLATE_SIZE, FivePoints, align
from src.faces.images import data_url, shrink
from src.files import check_output_file, replacing
from src.labels import GENDERS

if TYPE_CHECKING:
    import pandas as pd

MOST = 20  # pictures, the first that have a label
HTML, PNG = "table.html", "table.png"
_HEADERS = ("raw", "aligned", "true", "predicted")
_RAW_SIDE = 224  # pixels, at most
_INCHES = 1.6  # of a row in the PNG


@dataclass
class _Row:
    """A picture and its largest face, uint8 BGR, and what is true and estimated, in words."""

    name: str
    raw: np.ndarray
    aligned: np.ndarray | None
    true: str
    predicted: str


def labelled_pictures(labels: Path, folder: Path | None) -> tuple[dict[str, Path], pd.DataFrame]:
    """The pictures that a CSV file labels, by name, and its records, indexed by name.

    labels: as `datasets.labels_csv` takes it; paths are relative to `folder`, or to its own.
    """
    folder = folder or labels.parent
    table = read_dataset("csv", folder, labels=labels).table
    return {name: folder / name for name in table["path"]}, table.set_index("path")


@contextmanager
def labelled_table(folder: Path, records: pd.DataFrame) -> Iterator[Callable[[Result], bool]]:
    """A sink that writes the table of the first `MOST` pictures to `folder`, which is there.

    records: what `labelled_pictures` gives.
    """
    files = folder / HTML, folder / PNG
    for file in files:
        check_output_file(file)
    find_points = FivePoints()
    rows: list[_Row] = []

    def add(result: Result) -> bool:
        if len(rows) < MOST:
            rows.append(_row(result, records.loc[result.picture.name], find_points))
        return True

    yield add
    with replacing(files[0]) as page:
        page.write_text(_page(rows), encoding="utf-8")
    with replacing(files[1]) as plot:
        _plot(rows, plot)


def _row(result: Result, record: pd.Series, find_points: FivePoints) -> _Row:
    image, said = result.picture.image, result.estimates
    low, high = record["age_low"], record["age_high"]
    years = "?" if np.isnan(low) else f"{low:.0f}" if low == high else f"{low:.0f}-{high:.0f}"
    gender = "?" if np.isnan(record["gender"]) else GENDERS[int(record["gender"])]
    true = f"{years}, {gender}"
    raw = shrink(image, _RAW_SIDE)
    if not result.boxes:
        return _Row(result.picture.name, raw, None, true, "no face found")
    face = max(range(len(result.boxes)), key=lambda i: _width(result, i))
    box = result.boxes[face]
    predicted = (
        f"{said.age[face]:.0f} ({said.age_low[face]}-{said.age_high[face]}), "
        f"{GENDERS[said.gender[face]]}"
    )
    aligned = align(image, find_points(image, box), TEMPLATE_SIZE)
    return _Row(result.picture.name, raw, aligned, true, predicted)


def _width(result: Result, face: int) -> int:
    return result.boxes[face].right - result.boxes[face].left


def _page(rows: list[_Row]) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True
    )
    template = environment.get_template("gallery.html")
    return template.render(rows=rows, headers=_HEADERS, png=partial(data_url, kind="png"))


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
