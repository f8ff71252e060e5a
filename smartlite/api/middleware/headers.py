"""Headers that a client may not send, and headers that every answer has. Must not know any route."""

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from smartlite.api.header_index import headers_of

_REMOVED: Final = frozenset({b"x-request-timeout-seconds", b"x-request-disconnect-disabled"})
"""Ray Serve obeys them, so any client could switch off the server's timeout and its cancellation; the edge removes them
too, but a replica's own port can be reached without it."""

ADDED: Final = ((b"x-content-type-options", b"nosniff"), (b"openai-version", b"2020-10-01"))


class HeadersMiddleware:
    """Removes the first, adds the second."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if not _REMOVED.isdisjoint(headers_of(scope)):
            scope["headers"] = [(name, value) for name, value in scope["headers"] if name.lower() not in _REMOVED]

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *ADDED]
            await send(message)

        await self._app(scope, receive, send_with_headers)
