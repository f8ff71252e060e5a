"""How many requests one replica works on at once. Must not know what they ask for."""

from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from smartlite.errors import Overloaded

EXEMPT_PATHS: Final = frozenset({"/healthz", "/readyz"})
"""A busy replica is a healthy one: were these refused, the edge would take it out and overload the others."""


class AdmissionMiddleware:
    """Refuses what is over the limit at once: a queue here would hide from the edge that another replica is free."""

    def __init__(self, app: ASGIApp, max_concurrent_requests: int) -> None:
        self._app = app
        self._limit = max_concurrent_requests
        self._running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in EXEMPT_PATHS:
            await self._app(scope, receive, send)
            return
        if self._running >= self._limit:
            raise Overloaded(f"The gateway works on {self._limit} requests already; try again in a moment.")
        self._running += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._running -= 1
