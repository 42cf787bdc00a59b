"""The server of the page."""

import logging
import os
import signal
import socket
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

from ...errors import UserError
from ...estimation.estimator import Estimator
from ...extras import library
from ...faces.finder import FaceFinder
from ..arguments import Arguments
from .page import STYLE, Service, make_page

MAX_MEGABYTES = 200  # of an uploaded file
_LAUNCH = {
    "prevent_thread_lock": True,
    "quiet": True,
    "share": False,
    "run_history": False,  # otherwise images stay in the browser
    "enable_monitoring": False,
    "mcp_server": False,
    "ssr_mode": False,
    "max_file_size": f"{MAX_MEGABYTES}mb",
    "state_session_capacity": 100,  # visitors whose results and tracks are stored
    "footer_links": ["api"],
}


def serve(finder: FaceFinder, estimator: Estimator, arguments: Arguments) -> None:
    """Serve the page until Ctrl-C.

    Files are in a private folder, which is deleted at the end.
    Raises `UserError` if Gradio is not installed or the address is not free.
    """
    host, port = arguments.host, arguments.port
    _check_address(host, port)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["GRADIO_TEMP_DIR"] = folder  # read when Gradio is imported
        os.environ["no_proxy"] = "*"  # Gradio sends itself a request at the start
        themes = library("gradio.themes", "gradio")
        page = make_page(Service(finder, estimator, arguments, Path(folder)))
        page.launch(
            server_name=f"[{host}]" if ":" in host else host,
            server_port=port,
            root_path=arguments.root_path,
            # No download from Google.
            theme=themes.Default(font="system-ui", font_mono="system-ui"),
            css_paths=STYLE,
            **_LAUNCH,
        )
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL + 1)  # tracebacks at the end
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # `kill` cleans up as well
        print(f"{page.local_url} (Ctrl-C ends it)", flush=True)
        with suppress(KeyboardInterrupt):
            threading.Event().wait()
        # Without waiting for open pages.
        page.server.force_exit = True
        page.close(verbose=False)


def _check_address(host: str, port: int) -> None:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server will
            probe.bind((host, port))
    except (OSError, OverflowError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(
            f"--host {host} --port {port}: not a free address of this computer: {reason}; end the "
            "program that uses it, or pass another"
        ) from error
