"""Pages in --output_dir: all copies of a folder, a histogram, and a table of labelled images."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import numpy as np

from ...faces.crop import FaceCrop
from ...faces.detectors import DEFAULT_DETECTOR
from ...faces.finder import FaceFinder
from ...faces.images import data_url, read_image, shrink, widest
from ...files import replacing
from ...labels import GENDERS, age_text
from ..job import Job, Result, Sink
from .copies import copy_path

if TYPE_CHECKING:
    import pandas as pd

MAX_LABELLED = 20  # images in the table
_RAW_SIDE = 224  # maximum, in pixels
_HEAD = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Ages and genders, estimated</title>
<style>
  body { font: 16px/1.4 system-ui, sans-serif; margin: 1rem }
  main { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)) }
  figure { margin: 0; overflow-wrap: anywhere }
  figure img { background: #eee; height: 15rem; object-fit: contain; width: 100% }
  th, td { padding: .5rem; text-align: left }
</style>
"""
_ALIGNED = FaceFinder(DEFAULT_DETECTOR, None, FaceCrop(112, 0.0, "five_points"))


def write_gallery(job: Job, results: list[Result]) -> None:
    """gallery.html with the copies of all images and their faces."""
    cards = "".join(map(_card, results))
    _write_page(job, "gallery.html", f"<h1>{len(results)} images</h1>\n<main>\n{cards}</main>")


def _card(result: Result) -> str:
    name, faces = result.frame.name, [words.full for words in result.words]
    if len(faces) > 1:
        faces = [f"{number}: {face}" for number, face in enumerate(faces, 1)]
    link = quote(os.fsencode(copy_path(Path(), name).as_posix()))
    return (
        f'<figure><a href="{link}"><img src="{link}" alt="{escape(name)}" loading="lazy"></a>\n'
        f"<figcaption><b>{escape(name)}</b><br>{'; '.join(faces) or 'no face'}</figcaption>"
        "</figure>\n"
    )


def _write_page(job: Job, name: str, body: str) -> None:
    with replacing(job.arguments.output_dir / name) as partial:
        partial.write_text(f"{_HEAD}{body}\n</html>\n", encoding="utf-8", errors="replace")


def write_histogram(job: Job, results: list[Result]) -> None:
    """ages_by_gender.png, or another name if an image's copy has this one."""
    folder = job.arguments.output_dir
    copies = {str(copy_path(folder, name)).casefold() for name in job.images}
    names = (f"ages_by_gender{'' if i == 1 else f'-{i}'}.png" for i in count(1))
    path = next(folder / name for name in names if str(folder / name).casefold() not in copies)
    rows = [(f.age, f.age, GENDERS.index(f.gender)) for result in results for f in result.faces]
    if rows:
        import pandas as pd

        from ...data.summary import plot_ages

        with replacing(path) as partial:
            plot_ages(pd.DataFrame(rows, columns=["age_low", "age_high", "gender"]), partial)


def labelled_images(
    labels: Path, folder: Path | None, encoding: str | None = None
) -> tuple[dict[str, Path], pd.DataFrame]:
    """The labelled images of a CSV file by name, and its records, indexed by name.

    labels, encoding: see `datasets.labels_csv`; paths are relative to `folder`, by default the
        file's folder.
    """
    from ...data.datasets import read_dataset

    folder = folder or labels.parent
    table = read_dataset("csv", folder, labels=labels, encoding=encoding).table
    return {name: folder / name for name in table["path"]}, table.set_index("path")


@contextmanager
def labelled_page(job: Job) -> Iterator[Sink]:
    """table.html with labels and estimates of the first `MAX_LABELLED` images, also of those of an
    earlier run."""
    job.arguments.output_dir.mkdir(parents=True, exist_ok=True)
    rows = []

    def add(result: Result) -> None:
        if len(rows) < MAX_LABELLED:
            name, image = result.frame.name, result.frame.image
            image = read_image(job.images[name]) if image is None else image
            rows.append(_row(result, image, job.labels.loc[name]))

    for result in job.done.values():
        add(result)
    yield add
    import pandas as pd

    table = pd.DataFrame(rows, columns=["raw", "aligned", "true", "predicted"])
    with pd.option_context("display.max_colwidth", None):
        _write_page(job, "table.html", table.to_html(escape=False, index=False, border=0))


def _row(result: Result, image: np.ndarray, record: pd.Series) -> tuple[str, ...]:
    """An image and its largest face as HTML, and the texts of its label and its estimate."""
    years = age_text(record["age_low"], record["age_high"])
    gender = "?" if np.isnan(record["gender"]) else GENDERS[int(record["gender"])]
    raw, true = _image(shrink(image, _RAW_SIDE), result.frame.name), f"{years}, {gender}"
    if not result.faces:
        return raw, "", true, "no face found"
    face = result.faces[i := widest([face.box for face in result.faces])]
    words, crops = result.words[i], _ALIGNED.find(image, [face.box]).crops
    aligned = "".join(_image(crop, "aligned") for crop in crops)
    return raw, aligned, true, f"{words.years} ({words.interval}), {face.gender}"


def _image(image: np.ndarray, text: str) -> str:
    return f'<img src="{data_url(image)}" alt="{escape(text)}">'
