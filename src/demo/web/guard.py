"""Allowed routes and size limits of requests."""

import re
import sys
from collections.abc import Callable

from ...extras import library

MAX_MEGABYTES = 20  # of a picture's file
MAX_PIXELS = 50_000_000  # of a picture: 150 MB decoded
MAX_PICTURES = 20  # of one upload
MAX_VIDEO_MEGABYTES = 200
MAX_VIDEO_SECONDS = 180  # further frames are ignored
MAX_VIDEO_PIXELS = 4096 * 2304  # of a frame; memory holds a dozen
_UPLOAD = "/gradio_api/upload"
# Gradio has further routes, and some of them store files.
_ROUTES = re.compile(
    r"/|/(assets|static)/.+|/(gradio_api/)?theme\.css|/favicon\.ico|/robots\.txt|/manifest\.json"
    r"|/config/?|/gradio_api/(info|startup-events|upload|upload_progress|queue/(join|data)|reset)/?"
    r"|/gradio_api/(heartbeat/\w+|stream/\w+(/close)?|file=.+)|/gradio_api/cancel"
)


def is_served(path: str) -> bool:
    """Whether the path of a request is a route of the page."""
    return _ROUTES.fullmatch(path) is not None


def guarded(app: Callable) -> Callable:
    """The ASGI application `app`, restricted to the routes of the page and to size limits.

    Gradio limits uploads, but not the frames of a stream.
    """
    requests, responses = (
        library(f"starlette.{name}", "gradio") for name in ("requests", "responses")
    )

    async def respond(scope: dict, receive: Callable, send: Callable) -> None:
        begun = False

        async def send_on(message: dict) -> None:
            nonlocal begun
            begun = True
            await send(message)

        async def refuse(text: str, code: int) -> None:
            await responses.PlainTextResponse(text, code)(scope, receive, send)

        if scope["type"] != "http":
            return await app(scope, receive, send)
        if not is_served(scope["path"]):
            return await refuse("not found", 404)
        if scope["method"] == "POST" and not _has_length(scope):
            return await refuse("longer than a picture or a video may be", 413)
        try:
            await app(scope, receive, send_on)
        except requests.ClientDisconnect:  # in the middle of an upload
            pass
        except Exception as error:
            if begun:
                raise
            print(f"a request failed: {type(error).__name__}", file=sys.stderr, flush=True)
            await refuse("the request could not be understood", 400)

    return respond


def _has_length(scope: dict) -> bool:
    """Whether a request states its length, and that is within the limit of its route."""
    is_upload = scope["path"].rstrip("/") == _UPLOAD
    megabytes = MAX_VIDEO_MEGABYTES if is_upload else MAX_MEGABYTES  # a frame comes as text
    length = dict(scope["headers"]).get(b"content-length", b"")
    return length.isdigit() and int(length) <= 2 * megabytes * 2**20
