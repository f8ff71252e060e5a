"""Limits around a request: what it took is settled when it ends, and every answer tells where they stand.

What it takes, its route says (``smartlite.api.spending``).
Credentials that are refused count against the address they come from, and against no key. Must not know any route.
"""

import math
from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from smartlite.api.errors import error_response
from smartlite.api.observation import observe_scope
from smartlite.api.spending import begin_spending
from smartlite.auth.rate_limit import Limits
from smartlite.errors import RateLimited, Unauthorized

ADDRESS_HEADER: Final = "x-smartlite-client-address"
"""Our edge sets it to the address that a connection comes from, and removes what a client sends under that name."""


class LimitsMiddleware:
    """Stands outside of who finds out who asks, so that it sees who was refused.

    Args:
        app: What is inside.
        limits: Who counts.
        has_own_edge: Whether our edge is in front, so that ``ADDRESS_HEADER`` is its word.
    """

    def __init__(self, app: ASGIApp, limits: Limits, has_own_edge: bool) -> None:
        self._app = app
        self._limits = limits
        self._has_own_edge = has_own_edge

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        spending = begin_spending(scope, self._limits)
        status: int | None = None

        async def send_with_limits(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if headers := spending.headers:
                    message["headers"] = [*message["headers"], *headers]
                if spending.retry_headers:
                    MutableHeaders(scope=message).update(spending.retry_headers)
            await send(message)

        try:
            await self._app(scope, receive, send_with_limits)
        except Unauthorized:
            refused = await self._limits.refuse(self._address(scope))
            if refused.answer.is_given:
                raise
            error = RateLimited("Too many credentials that are not valid came from this address; try again later.")
            observe_scope(scope).error_code = error.code
            wait_s = max(standing.retry_after_s for standing in refused.answer.standings)
            response = error_response(error)
            response.headers["retry-after"] = str(math.ceil(wait_s))
            await response(scope, receive, send)
        except ClientDisconnect:
            raise
        except Exception:
            status = status or HTTPStatus.INTERNAL_SERVER_ERROR  # rendered further out
            raise
        finally:
            await spending.finish(status)

    def _address(self, scope: Scope) -> str:
        given = Headers(scope=scope).getlist(ADDRESS_HEADER) if self._has_own_edge else []
        if len(given) == 1:
            return given[0]
        client = scope.get("client")
        return str(client[0]) if client else ""
