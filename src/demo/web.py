"""The server of the demo's page."""

import logging
import os
import re
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

from src.demo.page import MAX_MEGABYTES, MAX_PIXELS, STYLE, Analyser, make_page
from src.errors import UserError
from src.extras import library

_MAX_VISITORS = 100  # whose state is kept, the latest ones: a webcam's tracks
# The routes that the page needs. Gradio has more, some of which keep files.
_ROUTES = re.compile(
    r"/|/(assets|static)/.+|/(gradio_api/)?theme\.css|/favicon\.ico|/robots\.txt|/manifest\.json"
    r"|/config/?|/gradio_api/(info|startup-events|upload|upload_progress|queue/(join|data)|reset)/?"
    r"|/gradio_api/(heartbeat/\w+|stream/\w+(/close)?|file=.+)|/gradio_api/cancel"
)


def serve(analyser: Analyser, smooth: int, host: str, port: int) -> None:
    """Serve the page at `host` and `port` until Ctrl-C; `smooth` as `make_page` takes it.

    Files are in a private folder, deleted after two minutes, and the folder is deleted at the end.
    Raises `UserError` if Gradio is not installed or the address is not free.
    """
    _check_address(host, port)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["GRADIO_TEMP_DIR"] = folder  # is read when Gradio is imported
        os.environ["no_proxy"] = "*"  # Gradio checks by a request whether it is up
        themes, middleware, pillow = (
            library(name, "gradio")
            for name in ("gradio.themes", "starlette.middleware", "PIL.Image")
        )
        pillow.MAX_IMAGE_PIXELS = MAX_PIXELS  # a frame of twice as many is rejected
        _report_errors_briefly()
        page = make_page(analyser, smooth, Path(folder))
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
            state_session_capacity=_MAX_VISITORS,
            max_file_size=f"{MAX_MEGABYTES}mb",
            app_kwargs={"middleware": [middleware.Middleware(_guarded)]},
            theme=themes.Default(font="system-ui", font_mono="monospace"),  # none from Google
            css=STYLE,
            footer_links=[],
        )
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL + 1)  # prints tracebacks
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # `kill` cleans up as well
        print(f"{page.local_url} (Ctrl-C ends it)", flush=True)
        with suppress(KeyboardInterrupt):
            threading.Event().wait()
        # Pages that are still open are not waited for, nor reported.
        page.server.force_exit = True
        page.close(verbose=False)


def _report_errors_briefly() -> None:
    """A line instead of a traceback for a request that fails, by a bad request for one."""

    def print_exc() -> None:
        error = sys.exc_info()[1]
        line = " ".join(str(error).split())
        print(f"a request failed: {type(error).__name__}: {line:.200}", file=sys.stderr, flush=True)

    for name in ("gradio.queueing", "gradio.routes", "gradio.route_utils", "gradio.utils"):
        library(name, "gradio").traceback = SimpleNamespace(print_exc=print_exc)


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


def _guarded(app: Callable) -> Callable:
    """The ASGI application `app`, with the routes of the page alone, and requests of limited size.

    Gradio holds uploads to a limit, but not the frames of a stream.
    """
    longest = 2 * MAX_MEGABYTES * 2**20  # a frame comes as text, which is longer
    requests, responses = (
        library(f"starlette.{name}", "gradio") for name in ("requests", "responses")
    )

    async def guarded(scope: dict, receive: Callable, send: Callable) -> None:
        begun = False

        async def send_on(message: dict) -> None:
            nonlocal begun
            begun = True
            await send(message)

        async def refuse(text: str, code: int) -> None:
            await responses.PlainTextResponse(text, code)(scope, receive, send)

        if scope["type"] != "http":
            return await app(scope, receive, send)
        if not _ROUTES.fullmatch(scope["path"]):
            return await refuse("not found", 404)
        if scope["method"] == "POST":
            length = dict(scope["headers"]).get(b"content-length", b"")
            if not length.isdigit() or int(length) > longest:
                return await refuse("longer than a picture may be", 413)
        try:
            await app(scope, receive, send_on)
        except requests.ClientDisconnect:  # in the middle of an upload
            pass
        except Exception as error:
            if begun:
                raise
            print(f"a request failed: {type(error).__name__}", file=sys.stderr, flush=True)
            await refuse("the request could not be understood", 400)

    return guarded
