"""How many requests one replica works on at once. Must not know what they ask for."""

from collections.abc import Set

from starlette.types import ASGIApp, Receive, Scope, Send

from smartlite.errors import Overloaded


class AdmissionMiddleware:
    """Refuses what is over the limit at once: a queue here would hide from the edge that another replica is free."""

    def __init__(self, app: ASGIApp, limit: int, exempt_paths: Set[str]) -> None:
        self._app = app
        self._limit = limit
        self._exempt_paths = exempt_paths
        self._running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in self._exempt_paths:
            await self._app(scope, receive, send)
            return
        if self._running >= self._limit:
            raise Overloaded(f"The gateway works on {self._limit} requests already; try again in a moment.")
        self._running += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._running -= 1
