"""Answers a flat route at once where everything that the others would find out is known; leaves all else to them.

What surrounds a route is a dozen middlewares, each with a coroutine and a ``send`` of its own; together they cost
several times what a small route does. Here the same is done in one step, by the same parts: who asks is remembered,
what is taken of their limits is there already, and the answer can only be a good one. Whatever is not so (a credential
that has to be looked up, a right that is lacking, a limit that is reached, a page in a browser, an error) goes the long
way, as if nobody had looked at it. Nothing here waits for anything, so it takes no place among those that admission
counts. Must not know any route.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from smartlite.api.flat import FlatRoute
from smartlite.api.header_index import Index, headers_of
from smartlite.api.middleware.callers import is_known, names
from smartlite.api.middleware.headers import ADDED
from smartlite.api.middleware.metering import RequestRecords
from smartlite.api.middleware.observation import AccessLog, times_of
from smartlite.api.middleware.request_id import LEFT_TO_SERVE, id_from
from smartlite.api.observation import begin_observation
from smartlite.api.permissions import Needs
from smartlite.api.principal import keep_principal
from smartlite.auth.authenticator import Authenticator
from smartlite.auth.permissions import ANONYMOUS_ADMIN
from smartlite.auth.rate_limit import Limits
from smartlite.auth.reservation import Reservation
from smartlite.auth.scopes import INFERENCE, covers
from smartlite.domain.principal import Principal
from smartlite.errors import JournalUnavailable, SmartLiteError
from smartlite.logging import request_id

_METHOD: Final = "GET"
_LONG_WAY: Final = (b"origin", b"content-length", b"transfer-encoding", b"expect")
"""Headers of requests that are more than a question."""
_ONCE: Final = (b"host", b"authorization", b"openai-organization", b"x-request-id")
"""Headers that mean something else where they come twice."""
_REQUEST_ID: Final = b"x-request-id"


class FastLaneMiddleware:
    """Stands outside of all others.

    Args:
        app: The others.
        routes: Flat ones, by method and path.
        hosts: What the gateway is called.
        log: Writes the access log.
        authenticator: Remembers who asks; None where nobody is asked who they are.
        limits: Has what may be taken; None where nothing is limited.
        records: Keeps what happened; None where nothing is kept.
    """

    def __init__(
        self,
        app: ASGIApp,
        routes: Mapping[tuple[str, str], FlatRoute],
        hosts: Sequence[str],
        log: AccessLog,
        authenticator: Authenticator | None,
        limits: Limits | None,
        records: RequestRecords | None,
    ) -> None:
        self._app = app
        self._routes = {
            path: route for (method, path), route in routes.items() if method == _METHOD and _is_light(route)
        }
        self._hosts = names(hosts)
        self._log = log
        self._authenticator = authenticator
        self._limits = limits
        self._records = records

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != _METHOD or (route := self._routes.get(scope["path"])) is None:
            await self._app(scope, receive, send)
            return
        headers = headers_of(scope)
        principal = self._principal(route, headers)
        if principal is None or not self._may_record():
            await self._app(scope, receive, send)
            return
        observation = begin_observation(scope)
        at = datetime.now(UTC)
        try:
            response = await route.endpoint(Request(scope, receive), scope["app"].state.services)
        except SmartLiteError:
            await self._app(scope, receive, send)
            return
        taken = None if self._limits is None else self._limits.next_light(principal)
        if self._limits is not None and not _is_written(taken):
            await self._app(scope, receive, send)
            return
        scope["route"] = route
        keep_principal(scope, principal)
        answer_headers = [*response.raw_headers, *ADDED, *times_of(observation), *(taken.headers if taken else ())]
        given = headers.get(_REQUEST_ID)
        value = id_from([given[0].decode("latin-1")] if given else ())
        if not scope.get(LEFT_TO_SERVE):
            answer_headers.append((_REQUEST_ID, value.encode()))
        token = request_id.set(value)
        try:
            size_bytes = len(response.body)
            if self._records is not None:
                self._records.write(scope, at, response.status_code, size_bytes)
            await send({"type": "http.response.start", "status": response.status_code, "headers": answer_headers})
            await send({"type": "http.response.body", "body": response.body})
            self._log.write(scope, response.status_code, size_bytes, observation)
        finally:
            request_id.reset(token)

    def _principal(self, route: FlatRoute, headers: Index) -> Principal | None:
        """Who asks, where that is remembered, and the request is a plain one, and they may."""
        if any(map(headers.__contains__, _LONG_WAY)) or any(len(headers.get(name, ())) > 1 for name in _ONCE):
            return None
        host = headers.get(b"host")
        if host is None or not is_known(host[0].decode("latin-1"), self._hosts):
            return None
        if self._authenticator is None:
            return ANONYMOUS_ADMIN
        authorization, organization = headers.get(b"authorization"), headers.get(b"openai-organization")
        if authorization is None or organization is not None:
            return None
        principal = self._authenticator.known(authorization[0].decode("latin-1"))
        if principal is None or not all(covers(principal.scopes, need.scope) for need in route.needs):
            return None
        return principal

    def _may_record(self) -> bool:
        if self._records is not None:
            try:
                self._records.recorder.check()
            except JournalUnavailable:
                return False
        return True


def _is_light(route: FlatRoute) -> bool:
    """Whether no model works for it."""
    return all(isinstance(need, Needs) and need.scope not in INFERENCE for need in route.needs)


def _is_written(taken: Reservation | None) -> bool:
    """Whether somebody has written the headers of it already: the first of those that share it goes the long way."""
    return taken is not None and bool(taken.headers or not taken.answer.standings)
