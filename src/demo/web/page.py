"""The page: a note on the model, and a tab each for images, videos and a webcam."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...estimation.estimator import Estimator
from ...extras import library
from ...faces.finder import FaceFinder
from ...shipped import shipped_path
from ..arguments import Arguments

if TYPE_CHECKING:
    import gradio

STYLE = Path(__file__).with_name("page.css")
FILE_TTL_SECONDS = 300
_NOTE = f"""## Age and gender from faces
Statistical guesses, for research only; the interval contains the age with a probability of 80 %.
Files stay on the computer that serves this page, for {FILE_TTL_SECONDS // 60} minutes."""
_LOCAL_LINK = re.compile(r"\[([^]]+)\]\((?!https?:)[^)]+\)")


@dataclass(frozen=True)
class Service:
    """State shared by the tabs.

    arguments: of demo.py.  folder: private, deleted when the server ends.
    """

    finder: FaceFinder
    estimator: Estimator
    arguments: Arguments
    folder: Path

    def new_file(self, content: bytes, name: str) -> str:
        """Path of a new file that Gradio serves and deletes."""
        processing = library("gradio.processing_utils", "gradio")
        return processing.save_bytes_to_cache(content, name, str(self.folder))

    def copied(self, path: Path) -> str:
        """Path of a copy of a file that Gradio serves and deletes."""
        processing = library("gradio.processing_utils", "gradio")
        return processing.save_file_to_cache(path, str(self.folder))


def make_page(service: Service) -> gradio.Blocks:
    """The page; Gradio deletes its files after `FILE_TTL_SECONDS`."""
    from .clips import clip_tab
    from .images import image_tab
    from .webcam import webcam_tab

    gradio = library("gradio")
    with gradio.Blocks(
        title="Age and gender",
        analytics_enabled=False,
        fill_width=True,
        delete_cache=(FILE_TTL_SECONDS // 5, FILE_TTL_SECONDS),
    ) as page:
        gradio.Markdown(_NOTE)
        with gradio.Tab("Images"), gradio.Row():
            image_tab(service)
        with gradio.Tab("Video"), gradio.Row():
            clip_tab(service, page)
        with gradio.Tab("Webcam"):
            webcam_tab(service)
        with gradio.Tab("Model card"):
            gradio.Markdown(model_card(service), elem_classes="card")
    return page


def model_card(service: Service) -> str:
    """The model card of the shipped weights as Markdown, or the description of another file."""
    weight_file = service.arguments.weight_file
    if weight_file is None:
        card = shipped_path("README.md").read_text(encoding="utf-8")
        return _LOCAL_LINK.sub(r"\1", card.split("\n---\n", 1)[-1])  # without its metadata
    description = service.estimator.description
    trained = dict.fromkeys(part.get("db") or "unknown" for part in description.data)
    data = ", ".join(trained) or "unknown"
    metrics = ", ".join(f"{name} {value:.2f}" for name, value in description.metrics.items())
    return (
        f"`{weight_file.name}`: network `{description.architecture['name']}`, trained on {data}; "
        f"validation metrics: {metrics or 'unknown'}. It has no model card."
    )
