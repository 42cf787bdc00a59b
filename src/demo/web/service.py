"""State and components shared by the tabs of the page."""

from dataclasses import dataclass
from html import escape
from pathlib import Path

import gradio
import pandas as pd
from gradio.processing_utils import save_bytes_to_cache

from ...estimation.estimator import Estimator
from ...faces.finder import FaceFinder
from ..arguments import Arguments

FILE_TTL_SECONDS = 300
TABLE = {"interactive": False, "buttons": []}  # options of tables
EVENT = {"concurrency_limit": None, "api_visibility": "private"}  # options of events


@dataclass(frozen=True)
class Service:
    """The model, the arguments of demo.py, and a private folder, deleted when the server ends."""

    finder: FaceFinder
    estimator: Estimator
    arguments: Arguments
    folder: Path

    def new_file(self, content: bytes, name: str) -> str:
        """Path of a new file that Gradio serves and deletes."""
        return save_bytes_to_cache(content, name, str(self.folder))


def table_of(rows: list[dict]) -> pd.DataFrame | list:
    """The value of a table; a row has cells by their headers."""
    return pd.DataFrame(rows) if rows else []


def download_buttons(*labels: str) -> list[gradio.DownloadButton]:
    """A row of buttons, without files."""
    with gradio.Row():
        return [gradio.DownloadButton(label, interactive=False, size="sm") for label in labels]


def download(file: str | None = None) -> gradio.DownloadButton:
    """The value of a download button, which is inactive without a file."""
    return gradio.DownloadButton(value=file, interactive=file is not None)


def alert(problems: list[str]) -> str:
    """Problems with uploads as HTML, "" if there is none."""
    text = "<br>".join(map(escape, problems))
    return f'<p role="alert">{text}</p>' if problems else ""
