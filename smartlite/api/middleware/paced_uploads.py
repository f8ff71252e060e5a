"""Uploads at the pace at which they are read. Must not know what reads them.

Around Ray Serve. To notice that a client hangs up, Serve reads ahead of the app, into a queue without a bound
(``ASGIDIReceiveProxy`` of 2.60): a body is in memory as a whole wherever it comes faster than it is read. Told by this
header, Serve leaves that to the app, which notices it by itself, and the server stops reading from the connection.
"""

from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from smartlite.api.header_index import header

_LEFT_TO_APP: Final = (b"x-request-disconnect-disabled", b"?1")
FORMS: Final = "multipart/"


class PacedUploadsMiddleware:
    """Puts Serve's header on requests that bring a form."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (header(scope, b"content-type") or "").lower().startswith(FORMS):
            scope["headers"] = [*scope["headers"], _LEFT_TO_APP]
        await self._app(scope, receive, send)
