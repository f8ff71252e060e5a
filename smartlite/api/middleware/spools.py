"""Closes what was spooled for a request, once nobody works on it any more. Must not know what was spooled."""

from starlette.types import ASGIApp, Receive, Scope, Send

from smartlite.api.spools import opened_spools


class SpoolsMiddleware:
    """Whatever becomes of a request, nothing of its body stays on the disk."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        spools = opened_spools(scope)
        try:
            await self._app(scope, receive, send)
        finally:
            for spool in spools:
                spool.close()
