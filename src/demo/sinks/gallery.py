"""A page with the annotated copies of a folder."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import jinja2

from ...files import replacing
from ...outputs import Output, begins_with
from ..job import Job
from ..result import Result, Sink
from .copies import copy_path

HTML = "gallery.html"
is_page = begins_with(b"<!doctype html>\n<html lang=")


class _Card(NamedTuple):
    """An image: its name, the address of its copy, and the texts of its faces."""

    name: str
    link: str
    faces: list[str]


def has_gallery(job: Job) -> bool:
    arguments = job.arguments
    return bool(arguments.folder and arguments.output_dir and not arguments.label_file)


def gallery_outputs(job: Job) -> list[Output]:
    path = job.arguments.output_dir / HTML
    return [Output("--output_dir", path, "a gallery of demo.py", is_page)] if path.exists() else []


@contextmanager
def gallery(job: Job) -> Iterator[Sink]:
    """gallery.html in --output_dir, with all annotated copies and their faces, also of the images
    that an earlier run made with --resume."""
    folder, cards = job.arguments.output_dir, []

    def add(result: Result) -> None:
        name = result.frame.name
        numbers = [f"{number}: " for number in result.numbers] if len(result.boxes) > 1 else [""]
        faces = [n + words.full for n, words in zip(numbers, result.words, strict=False)]
        link = quote(os.fsencode(copy_path(Path(), name).as_posix()))
        cards.append(_Card(name, link, faces))

    yield add
    page = render("gallery.html", cards=cards, faces=sum(len(card.faces) for card in cards))
    with replacing(folder / HTML) as partial:
        partial.write_text(page, encoding="utf-8", errors="replace")


def render(template: str, **values) -> str:
    """A page from one of the templates in this folder."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True
    )
    return environment.get_template(template).render(**values)
