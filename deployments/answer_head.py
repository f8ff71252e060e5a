"""Has an ingress replica send the head of an answer in one write with the first of its body. Must not know the app.

uvicorn writes the head as soon as it has it. The edge asks another replica again only until it has seen a head, so a
replica that is killed between the two writes costs a request. That is likelier than it looks: the first write wakes the
edge, which may run before the second (2 of 8 kills under load cost a request, at a load of 11 to 17 on 2 cores).
"""

import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from uvicorn.protocols.http import httptools_impl

_logger = logging.getLogger(__name__)
_HELD = "smartlite_held_head"


class _Pieces:
    """Stands in for a cycle's transport while two messages are written."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.is_closed = False

    def write(self, data: bytes) -> None:
        self.data += data

    def close(self) -> None:
        self.is_closed = True


def send_head_with_body() -> None:
    """Change uvicorn in this process; does nothing but log where this uvicorn is another than we know."""
    cycle_class = getattr(httptools_impl, "RequestResponseCycle", None)
    original: Callable[[Any, MutableMapping[str, Any]], Awaitable[None]] | None = getattr(cycle_class, "send", None)
    if cycle_class is None or original is None:
        _logger.error("this version of uvicorn sends answers in another way: a killed replica may cost a request")
        return

    async def send(cycle: Any, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start" and not cycle.response_started:
            setattr(cycle, _HELD, message)
            return
        head = vars(cycle).pop(_HELD, None)
        if head is None or cycle.disconnected:
            await original(cycle, message)
            return
        transport, pieces = cycle.transport, _Pieces()
        cycle.transport = pieces
        try:
            await original(cycle, head)
            await original(cycle, message)
        finally:
            cycle.transport = transport
            transport.write(bytes(pieces.data))
            if pieces.is_closed:
                transport.close()

    cycle_class.send = send
