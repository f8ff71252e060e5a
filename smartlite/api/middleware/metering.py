"""Every request of somebody is in the history before its answer has ended. Must not know where that is kept.

The record is written before the last bytes are sent: an answer that was received whole is one that was recorded,
whatever ends this process afterwards. Who was refused for want of a credential is nobody, and is not recorded.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from smartlite.api.errors import error_response
from smartlite.api.header_index import header
from smartlite.api.middleware.captured import Captured
from smartlite.api.middleware.observation import route_of
from smartlite.api.observation import observe_scope
from smartlite.api.principal import kept_principal
from smartlite.api.spending import kept_spending
from smartlite.auth.recent import Recent
from smartlite.domain.ids import new_id
from smartlite.domain.metering import RequestRecord
from smartlite.domain.principal import Principal
from smartlite.errors import JournalUnavailable, SmartLiteError
from smartlite.logging import request_id
from smartlite.metering import Metering
from smartlite.metering.recorder import Recorder
from smartlite.storage.plain_lines import PlainLine, UsedLine

_MAX_CONTENT_BYTES: Final = 512 * 1024
_MAX_LINES: Final = 10_000
"""Patterns of lines, of some 500 bytes each."""
_Alike = tuple[str | None, str | None, str | None, str, str | None, int, str | None]
_logger = logging.getLogger(__name__)


class RequestRecords:
    """Writes the record of a request that has ended.

    Args:
        recorder: Where to.
        prefixes: Of the versions of the API; the empty one, of what belongs to none, is passed over.
    """

    def __init__(self, recorder: Recorder, prefixes: Sequence[str]) -> None:
        self.recorder = recorder
        self.prefixes = tuple(f"{prefix}/" for prefix in prefixes if prefix)
        self._lines: Recent[_Alike, UsedLine] = Recent(_MAX_LINES)

    def write(
        self,
        scope: Scope,
        at: datetime,
        status: int | None,
        size_bytes: int,
        content: tuple[str, bytes] | None = None,
    ) -> None:
        """Write it, unless nobody is known to have asked."""
        principal = kept_principal(scope)
        if principal is None:
            return
        observation = observe_scope(scope)
        spending = kept_spending(scope)
        length = header(scope, b"content-length") or ""
        record_id = content[0] if content else new_id("rec")
        duration_ms = round(1000 * observation.elapsed_s)
        stages_ms = {name: round(1000 * seconds) for name, seconds in observation.stages_s.items()}
        request_bytes = int(length) if length.isdecimal() else 0
        usage = tuple([self.recorder.metered(used) for used in spending.used]) if spending else ()
        route = route_of(scope, self.prefixes)
        if content is None and status is not None and not observation.client_gone:
            line = self._line(principal, scope["method"], route, status, observation.error_code)
            rest = size_bytes, request_bytes, stages_ms, usage
            self.recorder.record_line(line.line(record_id, at.timestamp(), request_id.get() or "", duration_ms, *rest))
            return
        self.recorder.record(
            RequestRecord(
                id=record_id,
                at=at,
                request_id=request_id.get() or "",
                user_id=principal.user_id,
                key_id=principal.key_id,
                organization_id=principal.organization_id,
                method=scope["method"],
                route=route,
                status=status,
                error_code=observation.error_code,
                duration_ms=duration_ms,
                stages_ms=stages_ms,
                request_bytes=request_bytes,
                response_bytes=size_bytes,
                client_gone=observation.client_gone,
                usage=usage,
                content=content[1] if content else None,
            )
        )

    def plain(self, principal: Principal, method: str, route: str, status: int) -> PlainLine:
        """The record of every request of somebody that is answered so and uses nothing."""
        return PlainLine(_alike(principal, method, route, status))

    def _line(
        self, principal: Principal, method: str, route: str | None, status: int, error_code: str | None
    ) -> UsedLine:
        """The same of requests that use something."""
        key = (principal.key_id, principal.user_id, principal.organization_id, method, route, status, error_code)
        line = self._lines.get(key)
        if line is None:
            line = UsedLine(_alike(principal, method, route, status, error_code))
            self._lines.put(key, line)
        return line


def _alike(
    principal: Principal, method: str, route: str | None, status: int, error_code: str | None = None
) -> RequestRecord:
    return RequestRecord(
        id="",
        at=datetime.now(UTC),
        request_id="",
        user_id=principal.user_id,
        key_id=principal.key_id,
        organization_id=principal.organization_id,
        method=method,
        route=route,
        status=status,
        error_code=error_code,
        duration_ms=0,
    )


class MeteringMiddleware:
    """Stands outside of whatever answers, so that it sees the final status.

    Args:
        app: What is inside.
        metering: Keeps records, and seals what was asked and answered where that is kept too.
        prefixes: Of the versions of the API; the empty one, of what belongs to none, is passed over.
        clock: Tells the time in UTC.
    """

    def __init__(
        self,
        app: ASGIApp,
        metering: Metering,
        prefixes: Sequence[str],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._app = app
        self._records = RequestRecords(metering.recorder, prefixes)
        self._seal = metering.seal
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(self._records.prefixes):
            await self._app(scope, receive, send)
            return
        try:
            self._records.recorder.check()
        except JournalUnavailable as error:
            await error_response(error)(scope, receive, send)
            return
        at = self._clock()
        status: int | None = None
        size_bytes = 0
        is_recorded = False
        captured = Captured() if self._seal else None
        answer_headers: list[tuple[bytes, bytes]] = []

        async def receive_captured() -> Message:
            message = await receive()
            if captured is not None:
                captured.ask(scope["headers"], message)
            return message

        async def send_recorded(message: Message) -> None:
            nonlocal status, size_bytes, answer_headers, is_recorded
            if message["type"] == "http.response.start":
                status, answer_headers = message["status"], message["headers"]
            elif message["type"] == "http.response.body":
                size_bytes += len(message.get("body", b""))
                if captured is not None:
                    captured.answer(answer_headers, message)
                if not message.get("more_body") and not is_recorded:
                    content = None if captured is None else await self._content(scope, captured)
                    is_recorded = True
                    self._records.write(scope, at, status, size_bytes, content)
            await send(message)

        try:
            await self._app(scope, receive if captured is None else receive_captured, send_recorded)
        finally:
            if not is_recorded:
                is_recorded = True
                self._records.write(scope, at, status, size_bytes)

    async def _content(self, scope: Scope, captured: Captured) -> tuple[str, bytes] | None:
        """The record's id and what was asked and answered; only of what a model worked for: the rest holds secrets."""
        principal, spending = kept_principal(scope), kept_spending(scope)
        if self._seal is None or principal is None or spending is None or not spending.used:
            return None
        record_id = new_id("rec")
        found = captured.content()
        if len(found) > _MAX_CONTENT_BYTES:
            return None  # escaped it is longer than a line of the journal may be
        try:
            return record_id, await self._seal(principal.user_id or "", record_id, found)
        except SmartLiteError as error:
            # Not worth an answer that was made: it is an addition to the history, which itself is kept.
            _logger.warning("what was asked and answered is not kept", extra={"reason": error.message})
            return None
