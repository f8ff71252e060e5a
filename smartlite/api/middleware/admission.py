"""How many requests one replica works on at once. Must not know what they ask for."""

from collections.abc import Set
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from smartlite.api.header_index import header, headers_of
from smartlite.errors import Overloaded

_CHUNKED_BYTES: Final = 1024 * 1024
STREAMED_BYTES: Final = 16 * 1024 * 1024
"""What is held at once of an upload that is stored while it comes."""


class AdmissionMiddleware:
    """Refuses what is over the limit at once: a queue here would hide from the edge that another replica is free."""

    def __init__(
        self, app: ASGIApp, limit: int, limit_bytes: int, exempt_paths: Set[str], streamed_paths: Set[str] = frozenset()
    ) -> None:
        self._app = app
        self._limit = limit
        self._limit_bytes = limit_bytes
        self._exempt_paths = exempt_paths
        self._streamed_paths = streamed_paths
        self._running = 0
        self._running_bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in self._exempt_paths:
            await self._app(scope, receive, send)
            return
        if self._running >= self._limit:
            raise Overloaded(f"The gateway works on {self._limit} requests already; try again in a moment.")
        size_bytes = _declared_bytes(scope)
        if scope["path"] in self._streamed_paths:
            size_bytes = min(size_bytes, STREAMED_BYTES)
        if self._running_bytes and self._running_bytes + size_bytes > self._limit_bytes:
            raise Overloaded("The gateway holds as many uploads as it may already; try again in a moment.")
        self._running += 1
        self._running_bytes += size_bytes
        try:
            await self._app(scope, receive, send)
        finally:
            self._running -= 1
            self._running_bytes -= size_bytes


def _declared_bytes(scope: Scope) -> int:
    """What the body will hold in memory: its Content-Length, or a guess where it comes in chunks without one."""
    length = header(scope, b"content-length") or ""
    if length.isdecimal():
        return int(length)
    return _CHUNKED_BYTES if b"transfer-encoding" in headers_of(scope) else 0
