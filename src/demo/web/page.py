"""The page: a note on the model, and a tab each for images, videos and a webcam; its server."""

import logging
import re
import signal
import threading
from contextlib import suppress
from pathlib import Path

import gradio

from ...shipped import shipped_path
from . import FILE_TTL_SECONDS, Service
from .images import image_tab
from .videos import clip_tab, webcam_tab

_NOTE = f"""## Age and gender from faces
Statistical guesses, for research only; the interval contains the age with a probability of 80 %.
Files stay on the computer that serves this page, for {FILE_TTL_SECONDS // 60} minutes."""
_LOCAL_LINK = re.compile(r"\[([^]]+)\]\((?!https?:)[^)]+\)")
_LAUNCH = {
    "prevent_thread_lock": True,
    "quiet": True,
    "share": False,
    "run_history": False,  # otherwise images stay in the browser
    "enable_monitoring": False,
    "ssr_mode": False,
    "max_file_size": "200mb",
    "state_session_capacity": 100,  # visitors whose results and tracks are stored
    "footer_links": ["api"],
    "css_paths": Path(__file__).with_name("page.css"),
}


def make_page(service: Service, for_videos: Service) -> gradio.Blocks:
    """The page; Gradio deletes its files after `FILE_TTL_SECONDS`."""
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
            clip_tab(for_videos)
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


def launch(service: Service, for_videos: Service) -> None:
    """Open the page at the address of the flags, until Ctrl-C."""
    arguments = service.arguments
    page = make_page(service, for_videos)
    page.launch(
        server_name=f"[{arguments.host}]" if ":" in arguments.host else arguments.host,
        server_port=arguments.port,
        root_path=arguments.root_path,
        theme=gradio.themes.Default(font="system-ui", font_mono="system-ui"),  # no download
        **_LAUNCH,
    )
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL + 1)  # tracebacks at the end
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # `kill` cleans up as well
    print(f"{page.local_url} (Ctrl-C ends it)", flush=True)
    with suppress(KeyboardInterrupt):
        threading.Event().wait()
    page.server.force_exit = True  # without waiting for open pages
    page.close(verbose=False)
