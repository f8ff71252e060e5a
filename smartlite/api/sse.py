"""Server-sent events as OpenAI's clients read them: ``data: {json}``, comments to stay alive, ``[DONE]`` at the end.

Must not know what the events mean.
"""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from smartlite.api.errors import as_smartlite_error, error_body
from smartlite.api.observation import Observation, observe
from smartlite.api.probing import kept_probe
from smartlite.api.streaming import Peeked, peek, stopped_when_client_leaves
from smartlite.errors import UnsupportedParameter

_logger = logging.getLogger(__name__)

PING_INTERVAL_S: Final = 15.0
"""Silence after which a comment is sent, so that proxies keep the connection."""
SEND_TIMEOUT_S: Final = 60.0
"""Longest wait for a client that does not read; then the connection is cut."""
_STOP_TIMEOUT_S: Final = 1.0

Event = Mapping[str, object]
"""What one ``data:`` line holds; a TypedDict or a dict of JSON values."""


async def sse_response(
    request: Request,
    events: AsyncGenerator[Event, None],
    *,
    done: bool = False,
    named: bool = False,
    ping_interval_s: float = PING_INTERVAL_S,
) -> Response:
    """Make a streaming answer; waits for the first event, so that an early error keeps its own status.

    An error in the middle becomes ``data: {"error": {...}}`` and ends the stream. When the client hangs up, ``events``
    is closed at once.

    Args:
        events: Closed by the answer, whatever happens.
        done: Whether ``data: [DONE]`` ends the stream.
        named: Whether an ``event:`` line gives each event's ``type``, as in OpenAI's responses; and an ``id:`` line its
            ``sequence``, where it has one: what a client that comes back sends as ``Last-Event-ID``.
        ping_interval_s: Seconds of silence after which a comment is sent.

    Raises:
        SmartLiteError: Raised by ``events`` before its first event.
        UnsupportedParameter: 400, the request is to be answered later.
        ClientDisconnect: The client left before the first event.
    """
    if kept_probe(request.scope) is not None:
        raise UnsupportedParameter("What is answered later is no stream: send no 'Prefer: respond-async'.", "stream")
    async with stopped_when_client_leaves(request.scope, request.receive):
        peeked = await peek(events)
    return _EventStream(peeked, observe(request), done, named, ping_interval_s)


class _EventStream(Response):
    media_type = "text/event-stream"

    def __init__(
        self, events: Peeked[Event], observation: Observation, done: bool, named: bool, ping_interval_s: float
    ) -> None:
        self._events = events
        self._observation = observation
        self._done = done
        self._named = named
        self._ping_interval_s = ping_interval_s
        self.status_code = 200
        self.background = None
        # Without the second header nginx and its kin collect the events before they pass them on.
        self.init_headers({"cache-control": "no-cache", "x-accel-buffering": "no"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self._events):
            try:
                async with stopped_when_client_leaves(scope, receive):
                    await self._send_all(send)
            except ClientDisconnect:
                self._observation.client_gone = True

    async def _send_all(self, send: Send) -> None:
        line = _Line(send)
        await line.send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async with _pinged(line, self._ping_interval_s):
            try:
                async for event in self._events:
                    await line.write(self._event(event))
            except ClientDisconnect:
                raise
            except Exception as error:  # noqa: BLE001 - the edge of the replica: the status is sent, this is all that is left
                ours = as_smartlite_error(error)
                self._observation.error_code = ours.code
                await line.write(self._event(error_body(ours)))
            else:
                if self._done:
                    await line.write(b"data: [DONE]\n\n")
        await line.send({"type": "http.response.body", "body": b"", "more_body": False})

    def _event(self, event: Event) -> bytes:
        name = f"event: {event.get('type', 'error')}\n".encode() if self._named else b""
        number = f"id: {event['sequence']}\n".encode() if self._named and "sequence" in event else b""
        return name + number + _data(event)


class _Line:
    """The connection to the client, written by one at a time."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._lock = asyncio.Lock()
        self._written_s = asyncio.get_running_loop().time()

    @property
    def silence_s(self) -> float:
        return asyncio.get_running_loop().time() - self._written_s

    async def write(self, data: bytes) -> None:
        await self.send({"type": "http.response.body", "body": data, "more_body": True})

    async def send(self, message: Message) -> None:
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S), self._lock:
                await self._send(message)
        except OSError as error:  # TimeoutError is one
            raise ClientDisconnect from error
        self._written_s = asyncio.get_running_loop().time()


@asynccontextmanager
async def _pinged(line: _Line, interval_s: float) -> AsyncIterator[None]:
    async def ping() -> None:
        while True:
            await asyncio.sleep(max(interval_s - line.silence_s, 0.001))
            if line.silence_s >= interval_s:
                await line.write(b": ping\n\n")

    pinger = asyncio.create_task(ping())
    try:
        yield
    finally:
        pinger.cancel()
        await asyncio.wait({pinger}, timeout=_STOP_TIMEOUT_S)
        if pinger.done() and not pinger.cancelled() and (failure := pinger.exception()) is not None:
            _logger.debug("The client stopped reading: %r", failure)


def _data(event: Event) -> bytes:
    text = json.dumps(event, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return b"data: " + text.encode("utf-8", "replace") + b"\n\n"
