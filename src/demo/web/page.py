"""The page: a note on the model, and a tab each for images, videos and a webcam; its server."""

from __future__ import annotations

import logging
import os
import re
import signal
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ...estimation.estimator import Estimator
from ...extras import library
from ...faces.finder import FaceFinder
from ...shipped import shipped_path
from ..arguments import Arguments
from .clips import clip_tab
from .images import image_tab
from .service import FILE_TTL_SECONDS, Service
from .webcam import webcam_tab

if TYPE_CHECKING:
    import gradio

_NOTE = f"""## Age and gender from faces
Statistical guesses, for research only; the interval contains the age with a probability of 80 %.
Files stay on the computer that serves this page, for {FILE_TTL_SECONDS // 60} minutes."""
Models = tuple[FaceFinder, Estimator]
_LOCAL_LINK = re.compile(r"\[([^]]+)\]\((?!https?:)[^)]+\)")
_LAUNCH = {
    "prevent_thread_lock": True,
    "quiet": True,
    "share": False,
    "run_history": False,  # otherwise images stay in the browser
    "enable_monitoring": False,
    "mcp_server": False,
    "ssr_mode": False,
    "max_file_size": "200mb",
    "state_session_capacity": 100,  # visitors whose results and tracks are stored
    "footer_links": ["api"],
    "css_paths": Path(__file__).with_name("page.css"),
}


def make_page(service: Service, for_videos: Service) -> gradio.Blocks:
    """The page; Gradio deletes its files after `FILE_TTL_SECONDS`."""
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
            clip_tab(for_videos, page)
        with gradio.Tab("Webcam"):
            webcam_tab(for_videos)
        with gradio.Tab("Model card"):
            gradio.Markdown(model_card(service), elem_classes="card")
    return page


def model_card(service: Service) -> str:
    """The model card of the shipped weights, or the training data of another file, as Markdown."""
    if file := service.arguments.weight_file:
        data = [part.get("db") or "unknown" for part in service.estimator.description.data]
        return f"`{file.name}` was trained on {', '.join(data) or 'unknown data'}. No model card."
    card = shipped_path("README.md").read_text(encoding="utf-8")
    return _LOCAL_LINK.sub(r"\1", card.split("\n---\n", 1)[-1])  # without its metadata


def serve(images: Models, videos: Models, arguments: Arguments) -> None:
    """Serve the page until Ctrl-C, with the models for images, and for videos and webcams.

    Files are in a private folder, which is deleted at the end.
    Raises `UserError` if Gradio is not installed, and `OSError` if the address is not free.
    """
    host = arguments.host
    with tempfile.TemporaryDirectory() as folder:
        os.environ["GRADIO_TEMP_DIR"] = folder  # read when Gradio is imported
        os.environ["no_proxy"] = "*"  # Gradio sends itself a request at the start
        themes = library("gradio.themes", "gradio")
        page = make_page(*(Service(*each, arguments, Path(folder)) for each in (images, videos)))
        page.launch(
            server_name=f"[{host}]" if ":" in host else host,
            server_port=arguments.port,
            root_path=arguments.root_path,
            # No download from Google.
            theme=themes.Default(font="system-ui", font_mono="system-ui"),
            **_LAUNCH,
        )
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL + 1)  # tracebacks at the end
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # `kill` cleans up as well
        print(f"{page.local_url} (Ctrl-C ends it)", flush=True)
        with suppress(KeyboardInterrupt):
            threading.Event().wait()
        page.server.force_exit = True  # without waiting for open pages
        page.close(verbose=False)
