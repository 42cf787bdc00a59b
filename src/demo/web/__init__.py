"""The demo's page in a browser, by Gradio."""

import os
import tempfile
from pathlib import Path

from ...estimation.estimator import Estimator
from ...extras import library
from ...faces.finder import FaceFinder
from ..arguments import Arguments

Models = tuple[FaceFinder, Estimator]


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
        from .service import Service

        launch(*(Service(*models, arguments, Path(folder)) for models in (images, videos)))
