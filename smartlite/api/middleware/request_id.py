"""The id of every request: the client's if it is well formed, else a new one; on every log line and every answer.

Must not know what it is used for.
"""

import re
from collections.abc import Sequence
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from smartlite.api.header_index import header_values
from smartlite.api.middleware.paced_uploads import PacedUploadsMiddleware
from smartlite.domain.ids import new_id
from smartlite.logging import request_id

HEADER: Final = "x-request-id"
LEFT_TO_SERVE: Final = "smartlite.request_id_left_to_serve"
"""In a scope: Ray Serve, which surrounds this app, puts the id on the answer."""
_NAME: Final = HEADER.encode()
_ALLOWED: Final = re.compile(r"[A-Za-z0-9._-]{1,128}", re.ASCII)
"""Safe in a header, a log line, a file name and a query."""


class RequestIDMiddleware:
    """Reads or makes the id, and puts it on the answer exactly once."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = header_values(scope, _NAME)
        value = id_from(given)

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = value
            await send(message)

        # Serve reads the header before this app runs where this middleware surrounds Serve too (``around_serve``).
        if given != [value]:
            headers = [(name, old) for name, old in scope["headers"] if name.lower() != _NAME]
            scope["headers"] = [*headers, (_NAME, value.encode())]
        token = request_id.set(value)
        try:
            await self._app(scope, receive, send if scope.get(LEFT_TO_SERVE) else send_with_id)
        finally:
            request_id.reset(token)


def id_from(given: Sequence[str]) -> str:
    """The id of a request, from what its headers say."""
    # Two ids are as good as none: whoever reads the log could not tell which is meant.
    return given[0] if len(given) == 1 and _ALLOWED.fullmatch(given[0]) else new_id("req")


def around_serve() -> list[Middleware]:
    """What Ray Serve puts around its own HTTP handling, by ``RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH``.

    Serve takes any client's id unchecked, makes one of its own where there is none, and adds it to the answer a second
    time; outside of it, this middleware gives it a well-formed id and leaves one on the answer. It also reads ahead of
    the app, which is too much for uploads.
    """
    return [Middleware(RequestIDMiddleware), Middleware(PacedUploadsMiddleware)]
