"""The demo in a browser: the server of its page, which keeps nothing and tells nobody."""

import logging
import os
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from src.demo.page import KEPT, MOST_MEGABYTES, MOST_PIXELS, STYLE, Cut, Detect, make_page
from src.errors import UserError
from src.estimation.estimator import Estimator
from src.extras import library


def serve(
    detect: Detect, cut: Cut, estimator: Estimator, smooth: int, host: str, port: int
) -> None:
    """Serve the page at `host` and `port` until Ctrl-C; `smooth` as `make_page` takes it.

    What is uploaded lies in a private folder until it is answered; the folder goes in the end.
    Raises `UserError` where Gradio is not installed or the address cannot be had.
    """
    _check_address(host, port)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["GRADIO_TEMP_DIR"] = folder  # is read when Gradio is imported
        os.environ["no_proxy"] = "*"  # Gradio asks itself whether it is there
        themes, middleware, pillow = (
            library(name, "gradio")
            for name in ("gradio.themes", "starlette.middleware", "PIL.Image")
        )
        pillow.MAX_IMAGE_PIXELS = MOST_PIXELS  # a frame of twice as many is refused
        page = make_page(detect, cut, estimator, smooth)
        page.launch(
            server_name=f"[{host}]" if ":" in host else host,
            server_port=port,
            prevent_thread_lock=True,
            quiet=True,
            share=False,
            run_history=False,  # Gradio would keep pictures in the browser
            enable_monitoring=False,
            mcp_server=False,
            ssr_mode=False,
            max_file_size=f"{MOST_MEGABYTES}mb",
            app_kwargs={"middleware": [middleware.Middleware(_guarded)]},
            theme=themes.Default(font="system-ui", font_mono="monospace"),  # none from Google
            css=STYLE,
            footer_links=[],
        )
        threading.Thread(target=_sweep, args=[Path(folder)], daemon=True).start()
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # `kill`, too, lets us clean up
        print(f"{page.local_url} (Ctrl-C ends it)", flush=True)
        with suppress(KeyboardInterrupt):
            threading.Event().wait()
        # Pages that are open still are not waited for, and no word is lost on it.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        page.server.force_exit = True
        page.close(verbose=False)


def _check_address(host: str, port: int) -> None:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server will
            probe.bind((host, port))
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(
            f"--host {host} --port {port}: expected a free address of this computer: {reason}; "
            "end the program that has it, or name another"
        ) from error


def _guarded(app: Callable) -> Callable:
    """The ASGI application `app`, less requests that are longer than a picture may be.

    Gradio holds uploads to a limit, but not the frames of a stream.
    """
    most = 2 * MOST_MEGABYTES * 2**20  # a frame comes as text, which is longer
    requests, responses = (
        library(f"starlette.{name}", "gradio") for name in ("requests", "responses")
    )

    async def guarded(scope: dict, receive: Callable, send: Callable) -> None:
        if scope["type"] == "http" and scope["method"] == "POST":
            length = dict(scope["headers"]).get(b"content-length", b"")
            if not length.isdigit() or int(length) > most:
                refusal = responses.PlainTextResponse("longer than a picture may be", 413)
                return await refusal(scope, receive, send)
        with suppress(requests.ClientDisconnect):  # in the middle of an upload
            await app(scope, receive, send)

    return guarded


def _sweep(folder: Path) -> None:
    """Delete, for ever, what nobody asked about within `KEPT` seconds, as they left the page."""
    while True:
        time.sleep(KEPT / 2)
        for path in folder.rglob("*"):
            with suppress(OSError):  # deleted by now, or a folder
                if path.stat().st_mtime < time.time() - KEPT:
                    path.unlink()
