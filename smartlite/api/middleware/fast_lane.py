"""Answers a flat route at once where everything that the others would find out is known; leaves all else to them.

What surrounds a route is a dozen middlewares, each with a coroutine and a ``send`` of its own; together they cost
several times what a small route does. Here the same is done in one step, by the same parts: who asks is remembered,
what is taken of their limits is there already, and the answer can only be a good one. Whatever is not so (a credential
that has to be looked up, a right that is lacking, a limit that is reached, a page in a browser, an error) goes the long
way, as if nobody had looked at it. Nothing here waits for anything, so it takes no place among those that admission
counts. Must not know any route.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from smartlite.api.flat import FlatRoute
from smartlite.api.header_index import Index, headers_of
from smartlite.api.middleware.callers import is_known, names
from smartlite.api.middleware.headers import ADDED
from smartlite.api.middleware.metering import RequestRecords
from smartlite.api.middleware.observation import AccessLog, times_of
from smartlite.api.middleware.request_id import LEFT_TO_SERVE, id_from
from smartlite.api.observation import begin_observation
from smartlite.api.permissions import Needs
from smartlite.auth.authenticator import Answer, Authenticator
from smartlite.auth.permissions import ANONYMOUS_ADMIN
from smartlite.auth.rate_limit import Limits
from smartlite.auth.remembered import MAX_KNOWN
from smartlite.auth.reservation import Reservation
from smartlite.auth.scopes import INFERENCE, covers
from smartlite.domain.ids import new_id
from smartlite.domain.principal import Principal
from smartlite.errors import JournalUnavailable, SmartLiteError
from smartlite.logging import request_id
from smartlite.storage.plain_lines import PlainLine

_METHOD: Final = "GET"
_LONG_WAY: Final = frozenset({b"origin", b"content-length", b"transfer-encoding", b"expect", b"openai-organization"})
"""Headers of requests that are more than a question."""
_REQUEST_ID: Final = b"x-request-id"
_MAX_VISITS: Final = 2 * MAX_KNOWN
"""Credentials that may ask for a route, each believed no longer than who authenticates believes it."""


@dataclass(frozen=True, slots=True)
class _Visit:
    """Somebody who asks for a route, again and again."""

    principal: Principal
    answer: Answer | None
    """Of who authenticates, whom it is believed as long as; None: for ever."""
    line: PlainLine | None = None
    """What is kept of each request; None where nothing is."""


_ANYBODY: Final = _Visit(ANONYMOUS_ADMIN, None)


class FastLane:
    """Stands in front of the app, and of what FastAPI itself puts around it.

    Args:
        routes: Flat ones, by method and path.
        hosts: What the gateway is called.
        log: Writes the access log.
        authenticator: Remembers who asks; None where nobody is asked who they are.
        limits: Has what may be taken; None where nothing is limited.
        records: Keeps what happened; None where nothing is kept.
    """

    def __init__(
        self,
        routes: Mapping[tuple[str, str], FlatRoute],
        hosts: Sequence[str],
        log: AccessLog,
        authenticator: Authenticator | None,
        limits: Limits | None,
        records: RequestRecords | None,
    ) -> None:
        self._routes = {
            path: route for (method, path), route in routes.items() if method == _METHOD and _is_light(route)
        }
        self._hosts = names(hosts)
        self._log = log
        self._authenticator = authenticator
        self._limits = limits
        self._records = records
        self._visits: dict[tuple[str, bytes], _Visit] = {}

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> bool:
        """Answer a request; False where nothing was done and it has to go the long way.

        Args:
            scope: The request's, with the app in it.
            receive: Its.
            send: Its.
        """
        if scope["type"] != "http" or scope["method"] != _METHOD or (route := self._routes.get(scope["path"])) is None:
            return False
        headers = headers_of(scope)
        is_plain = len(headers) == len(scope["headers"]) and _LONG_WAY.isdisjoint(headers)
        visit = self._visit(route, headers) if is_plain else None
        if visit is None or not self._may_record():
            return False
        observation = begin_observation(scope)
        at_s = time.time()
        try:
            response = await route.endpoint(Request(scope, receive), scope["app"].state.services)
        except SmartLiteError:
            return False
        if response.status_code != HTTPStatus.OK:
            return False
        taken = self._limits.next_light(visit.principal) if self._limits is not None else None
        if self._limits is not None and not _is_written(taken):
            return False
        scope["route"] = route
        given = headers.get(_REQUEST_ID)
        value = id_from([given[0].decode("latin-1")] if given else ())
        answer_headers = [*response.raw_headers, *ADDED, *times_of(observation), *(taken.headers if taken else ())]
        if not scope.get(LEFT_TO_SERVE):
            answer_headers.append((_REQUEST_ID, value.encode()))
        token = request_id.set(value)
        try:
            size_bytes = len(response.body)
            if self._records is not None and visit.line is not None:
                elapsed_ms = round(1000 * observation.elapsed_s)
                line = visit.line.line(new_id("rec"), at_s, value, elapsed_ms, size_bytes)
                self._records.recorder.record_line(line)
            await send({"type": "http.response.start", "status": HTTPStatus.OK, "headers": answer_headers})
            await send({"type": "http.response.body", "body": response.body})
            self._log.write(scope, HTTPStatus.OK, size_bytes, observation)
        finally:
            request_id.reset(token)
        return True

    def _visit(self, route: FlatRoute, headers: Index) -> _Visit | None:
        """Who asks, where that is remembered and they may."""
        host = headers.get(b"host")
        if host is None or not is_known(host[0].decode("latin-1"), self._hosts):
            return None
        if self._authenticator is None:
            return _ANYBODY
        authorization = headers.get(b"authorization")
        if authorization is None:
            return None
        key = (route.path, authorization[0])
        seen = self._visits.get(key)
        if seen is not None and seen.answer is not None and self._authenticator.holds(seen.answer):
            return seen
        answer = self._authenticator.answer(authorization[0].decode("latin-1"))
        if answer is None or not all(covers(answer.principal.scopes, need.scope) for need in route.needs):
            return None
        if len(self._visits) >= _MAX_VISITS:
            self._visits.clear()
        principal = answer.principal
        line = None if self._records is None else self._records.plain(principal, _METHOD, route.path, HTTPStatus.OK)
        self._visits[key] = visit = _Visit(principal, answer, line)
        return visit

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
