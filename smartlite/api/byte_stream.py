"""Answers whose bytes are sent as they are made. Must not know what the bytes are.

A failure in the middle cuts the connection, so that no client takes half a file for a whole one.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from smartlite.api.observation import Observation, observe
from smartlite.api.streaming import Peeked, peek, stopped_when_client_leaves
from smartlite.errors import SmartLiteError

SEND_TIMEOUT_S: Final = 60.0
"""Longest wait for a client that does not read; then the connection is cut."""


async def byte_response(request: Request, chunks: AsyncGenerator[bytes, None], media_type: str) -> Response:
    """Make a streaming answer; waits for the first chunk, so that an early error keeps its own status.

    When the client hangs up, ``chunks`` is closed at once.

    Args:
        chunks: Closed by the answer, whatever happens.

    Raises:
        SmartLiteError: Raised by ``chunks`` before its first chunk.
        ClientDisconnect: The client left before the first chunk.
    """
    async with stopped_when_client_leaves(request.scope, request.receive):
        peeked = await peek(chunks)
    return _ByteStream(peeked, media_type, observe(request))


class _ByteStream(Response):
    def __init__(self, chunks: Peeked[bytes], media_type: str, observation: Observation) -> None:
        self._chunks = chunks
        self._observation = observation
        self.status_code = 200
        self.background = None
        self.media_type = media_type
        self.init_headers({"cache-control": "no-store", "x-accel-buffering": "no"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self._chunks):
            try:
                async with stopped_when_client_leaves(scope, receive):
                    await self._send_all(send)
            except (ClientDisconnect, OSError):
                self._observation.client_gone = True
            except SmartLiteError as error:
                # The status is sent: raising on leaves the body without its end, which every client notices.
                self._observation.error_code = error.code
                raise

    async def _send_all(self, send: Send) -> None:
        await _send(send, {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async for chunk in self._chunks:
            await _send(send, {"type": "http.response.body", "body": chunk, "more_body": True})
        await _send(send, {"type": "http.response.body", "body": b"", "more_body": False})


async def _send(send: Send, message: dict[str, object]) -> None:
    async with asyncio.timeout(SEND_TIMEOUT_S):
        await send(message)
