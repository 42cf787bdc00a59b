"""The demo's page in a browser, by Gradio."""

import os
import tempfile
from dataclasses import dataclass
from html import escape
from pathlib import Path

from ...estimation.estimator import Estimator
from ...extras import library
from ...faces.finder import FaceFinder
from ..arguments import Arguments

FILE_TTL_SECONDS = 300
TABLE = {"interactive": False, "buttons": []}  # options of tables
EVENT = {"concurrency_limit": None, "api_visibility": "private"}  # options of events
Models = tuple[FaceFinder, Estimator]


@dataclass(frozen=True)
class Service:
    """The model, the arguments of demo.py, and a private folder, deleted when the server ends."""

    finder: FaceFinder
    estimator: Estimator
    arguments: Arguments
    folder: Path

    def new_file(self, content: bytes, name: str) -> str:
        """Path of a new file that Gradio serves and deletes."""
        from gradio.processing_utils import save_bytes_to_cache

        return save_bytes_to_cache(content, name, str(self.folder))


def warn(problem: str, path: Path) -> None:
    """Show a problem with an uploaded file on the page, until it is closed."""
    import gradio

    text = problem.removeprefix("--video: ").replace(str(path), path.name)
    gradio.Warning(f'<span role="alert">{escape(text)}</span>', duration=None)


def serve(images: Models, videos: Models, arguments: Arguments) -> None:
    """Serve the page until Ctrl-C, with the models for images, and for videos and webcams.

    Files are in a private folder, which is deleted at the end.
    Raises `UserError` if Gradio is not installed, and `OSError` if the address is not free.
    """
    with tempfile.TemporaryDirectory() as folder:
        os.environ["GRADIO_TEMP_DIR"] = folder  # read when Gradio is imported
        os.environ["no_proxy"] = "*"  # Gradio sends itself a request at the start
        library("gradio")
        from .page import launch

        launch(*(Service(*models, arguments, Path(folder)) for models in (images, videos)))
