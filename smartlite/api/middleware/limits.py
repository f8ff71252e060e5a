"""Limits around a request: what it took is settled when it ends, and every answer tells where they stand.

What it takes, its route says (``smartlite.api.spending``).
Credentials that are refused count against the address they come from, and against no key. Must not know any route.
"""

import math
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from smartlite.api.errors import error_response
from smartlite.api.header_index import header_values
from smartlite.api.observation import observe_scope
from smartlite.api.spending import begin_spending
from smartlite.auth.addresses import network_of
from smartlite.auth.rate_limit import Limits
from smartlite.auth.recent import Recent
from smartlite.auth.unknown import unknown_refused
from smartlite.errors import RateLimited, SmartLiteError, Unauthorized

ADDRESS_HEADER: Final = "x-smartlite-client-address"
"""Our edge sets it to the address that a connection comes from, and removes what a client sends under that name."""
_ADDRESS_HEADER: Final = ADDRESS_HEADER.encode()

_NO_HEADERS: Final[Mapping[str, str]] = {}
_MAX_CLOSED: Final = 10_000
"""Addresses that sent too many bad credentials."""


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
        self._closed: Recent[str, float] = Recent(_MAX_CLOSED)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        spending = begin_spending(scope, self._limits)
        status: int | None = None
        is_replaced = False

        async def send_with_limits(message: Message) -> None:
            nonlocal status, is_replaced
            if message["type"] == "http.response.start":
                if spending.is_put_off:
                    try:
                        await spending.count()
                    except SmartLiteError as error:
                        await self._answer(error, scope, receive, send_with_limits)
                        is_replaced = True
                        return
                status = message["status"]
                if headers := spending.headers:
                    message["headers"] = [*message["headers"], *headers]
                if spending.retry_headers:
                    MutableHeaders(scope=message).update(spending.retry_headers)
            elif is_replaced:
                return
            await send(message)

        try:
            if len(self._closed):
                await self._identified(scope, receive, send_with_limits)
            else:
                await self._app(scope, receive, send_with_limits)
        except Unauthorized:
            address = network_of(self._address(scope))
            refused = await self._limits.refuse(address)
            if refused.answer.is_given:
                raise
            wait_s = max(standing.retry_after_s for standing in refused.answer.standings)
            self._closed.put(address, time.monotonic() + wait_s)
            await self._refuse(scope, receive, send, wait_s)
        except ClientDisconnect:
            raise
        except Exception:
            status = status or HTTPStatus.INTERNAL_SERVER_ERROR  # rendered further out
            raise
        finally:
            if spending.has_to_settle:
                spending.finish(status)

    async def _identified(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Go on; from an address that sent too many bad credentials only those that are remembered are let in."""
        if (self._closed.get(network_of(self._address(scope))) or 0.0) > time.monotonic():
            with unknown_refused():
                await self._app(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, wait_s: float) -> None:
        error = RateLimited("Too many credentials that are not valid came from this address; try again later.")
        await self._answer(error, scope, receive, send, {"retry-after": str(math.ceil(wait_s))})

    async def _answer(
        self,
        error: SmartLiteError,
        scope: Scope,
        receive: Receive,
        send: Send,
        headers: Mapping[str, str] = _NO_HEADERS,
    ) -> None:
        observe_scope(scope).error_code = error.code
        response = error_response(error)
        response.headers.update(headers)
        await response(scope, receive, send)

    def _address(self, scope: Scope) -> str:
        given = header_values(scope, _ADDRESS_HEADER) if self._has_own_edge else []
        if len(given) == 1:
            return given[0]
        client = scope.get("client")
        return str(client[0]) if client else ""
