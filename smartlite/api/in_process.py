"""The gateway's app asked in its own process, for requests that are answered later. Must not know who keeps them.

The whole app answers, with its middleware: rights, limits, the history and errors are those of a request that came over
the network. Who asks is put where ``IdentityMiddleware`` finds it, which no network can do.
"""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Scope

from smartlite.api.errors import as_smartlite_error, error_response
from smartlite.api.principal import keep_principal
from smartlite.domain.principal import Principal
from smartlite.errors import EngineFailed, Unauthorized
from smartlite.jobs.gateway_calls import Caller, StoredAnswer, StoredRequest

MAX_ANSWER_BYTES: Final = 64 * 1024 * 1024
"""Half an hour of speech as WAV is 82 MB, and no request may ask for so much."""
_NOT_CARRIED: Final = frozenset({"authorization", "host", "origin", "prefer", "content-length", "x-request-id"})

FindAgain = Callable[[Caller], Awaitable[Principal | None]]
"""Who asked, as they are now; None where nobody has to say who they are. Raises Unauthorized, Unavailable."""


class InProcessGateway:
    """A GatewayCalls.

    Args:
        app: The gateway's, of this process.
        find: Finds out who asked.
        host: A name that the app answers to.
        max_answer_bytes: Of a body.
    """

    def __init__(self, app: ASGIApp, find: FindAgain, host: str, max_answer_bytes: int = MAX_ANSWER_BYTES) -> None:
        self._app = app
        self._find = find
        self._host = host
        self._max_answer_bytes = max_answer_bytes

    async def call(self, request: StoredRequest, caller: Caller, run_id: str) -> StoredAnswer:
        """See GatewayCalls."""
        try:
            principal = await self._find(caller)
        except Unauthorized as error:
            return _rendered(error_response(error))
        scope = self._scope(request, run_id)
        if principal is not None:
            keep_principal(scope, principal)
        collected = _Collected(self._max_answer_bytes)
        try:
            await self._app(scope, _Body(request.body), collected.send)
        except Exception as error:  # noqa: BLE001 - the app has answered all but what comes after its answer has begun
            return _rendered(error_response(as_smartlite_error(error)))
        return collected.answer()

    def _scope(self, request: StoredRequest, run_id: str) -> Scope:
        headers = {name: value for name, value in request.headers.items() if name not in _NOT_CARRIED}
        headers |= {
            "host": self._host,
            "content-length": str(len(request.body)),
            "x-request-id": request.headers.get("x-request-id", run_id),
        }
        return {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": request.method,
            "scheme": "http",
            "path": request.path,
            "raw_path": request.path.encode(),
            "root_path": "",
            "query_string": b"",
            "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()],
            "client": None,
            "server": None,
            "state": {},
        }


class _Body:
    """Gives the body once; then nobody hangs up, and whoever waits for that is cancelled."""

    def __init__(self, body: bytes) -> None:
        self._body: bytes | None = body

    async def __call__(self) -> Message:
        if self._body is None:
            await asyncio.Event().wait()
        body, self._body = self._body or b"", None
        return {"type": "http.request", "body": body, "more_body": False}


class _Collected:
    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._status = int(HTTPStatus.INTERNAL_SERVER_ERROR)
        self._headers: dict[str, str] = {}
        self._body = bytearray()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._headers = {
                name.decode("latin-1").lower(): value.decode("latin-1") for name, value in message["headers"]
            }
        elif message["type"] == "http.response.body":
            self._body += message.get("body", b"")
            if len(self._body) > self._max_bytes:
                raise EngineFailed(f"The answer has more than {self._max_bytes} bytes.")

    def answer(self) -> StoredAnswer:
        return StoredAnswer(self._status, self._headers, bytes(self._body))


def _rendered(response: Response) -> StoredAnswer:
    return StoredAnswer(response.status_code, dict(response.headers), bytes(response.body))
