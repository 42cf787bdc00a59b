"""The server of the page."""

import logging
import os
import signal
import socket
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

from ...errors import UserError
from ...estimation.estimator import Estimator
from ...extras import library
from ...faces.finder import FaceFinder
from ..arguments import Arguments
from .guard import MAX_PIXELS, MAX_VIDEO_MEGABYTES, guarded
from .page import STYLE, Service, make_page

_LAUNCH = {
    "prevent_thread_lock": True,
    "quiet": True,
    "share": False,
    "run_history": False,  # otherwise pictures stay in the browser
    "enable_monitoring": False,
    "mcp_server": False,
    "ssr_mode": False,
    "state_session_capacity": 100,  # stored states of visitors: tracks of webcams
    "footer_links": [],
}


def serve(finder: FaceFinder, estimator: Estimator, arguments: Arguments) -> None:
    """Serve the page until Ctrl-C; `arguments` are those of demo.py.

    Files are in a private folder, which is deleted at the end.
    Raises `UserError` if Gradio is not installed or the address is not free.
    """
    host, port = arguments.host, arguments.port
    _check_address(host, port)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["GRADIO_TEMP_DIR"] = folder  # read when Gradio is imported
        os.environ["no_proxy"] = "*"  # Gradio sends itself a request at the start
        themes, middleware, pillow = (
            library(name, "gradio")
            for name in ("gradio.themes", "starlette.middleware", "PIL.Image")
        )
        pillow.MAX_IMAGE_PIXELS = MAX_PIXELS  # frames with twice as many are rejected
        _report_errors_briefly()
        _reject_addresses()
        page = make_page(Service(finder, estimator, arguments, Path(folder)))
        page.launch(
            server_name=f"[{host}]" if ":" in host else host,
            server_port=port,
            max_file_size=f"{MAX_VIDEO_MEGABYTES}mb",
            app_kwargs={"middleware": [middleware.Middleware(guarded)]},
            # No download from Google.
            theme=themes.Default(font="system-ui", font_mono="system-ui"),
            css_paths=STYLE,
            **_LAUNCH,
        )
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL + 1)  # prints tracebacks
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # `kill` cleans up as well
        print(f"{page.local_url} (Ctrl-C ends it)", flush=True)
        with suppress(KeyboardInterrupt):
            threading.Event().wait()
        # Without waiting for open pages.
        page.server.force_exit = True
        page.close(verbose=False)


def _report_errors_briefly() -> None:
    """Print a line instead of a traceback for a failed request."""

    def print_exc() -> None:
        error = sys.exc_info()[1]
        line = " ".join(str(error).split())
        print(f"a request failed: {type(error).__name__}: {line:.200}", file=sys.stderr, flush=True)

    for name in ("gradio.queueing", "gradio.routes", "gradio.route_utils", "gradio.utils"):
        library(name, "gradio").traceback = SimpleNamespace(print_exc=print_exc)


def _reject_addresses() -> None:
    """Reject requests that name an address in place of an upload: Gradio would download it."""

    async def reject(url: str, cache_dir: str) -> str:
        raise ValueError("expected an upload, received an address")

    library("gradio.processing_utils", "gradio").async_ssrf_protected_download = reject


def _check_address(host: str, port: int) -> None:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server will
            probe.bind((host, port))
    except (OSError, OverflowError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(
            f"--host {host} --port {port}: expected a free address of this computer: {reason}; "
            "end the program that uses it, or pass another"
        ) from error
