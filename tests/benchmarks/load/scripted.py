"""A server that answers as a test tells it."""

import asyncio
from collections.abc import Callable
from typing import cast


class Scripted(asyncio.Protocol):
    """Answers each request as it is told by the request's number; None ends the connection."""

    def __init__(self, answer: Callable[[int], bytes | None], seen: list[bytes]) -> None:
        self._answer = answer
        self._seen = seen
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        self._seen.append(data)
        answer = self._answer(len(self._seen))
        if answer is None:
            self._transport.close()
        else:
            self._transport.write(answer)
