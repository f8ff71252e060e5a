"""An answer, recorded while it passes, so that it can be kept. Must not know who keeps it, nor why it is kept.

The head waits for the first piece of the body, which is there when an answer begins; nothing else waits but the last
piece, until it is decided whether the answer is kept.
"""

from collections.abc import Awaitable, Callable, Sequence
from tempfile import SpooledTemporaryFile
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Send

from smartlite.auth.kept_answer import Answer

NOT_KEPT_HEADER: Final = "idempotency-kept"
REPLAYED_HEADER: Final = "idempotent-replayed"
MAX_BYTES: Final = 32 * 1024 * 1024
IN_MEMORY_BYTES: Final = 1024 * 1024
"""What is longer goes to a temporary file while it passes."""

_KEPT_HEADERS: Final = frozenset(
    {"content-type", "content-disposition", "content-language", "location", "cache-control"}
)
_NOT_OF_THE_ANSWER: Final = ("x-request-id", "x-ratelimit-", "x-should-retry", NOT_KEPT_HEADER)

Settle = Callable[[Answer | None], Awaitable[bool]]
"""Decides what becomes of a whole answer, None where it was too large to be recorded. False: it should have been kept
and is not, which the client is told if the head has not gone."""


class Recording:
    """Stands in for ``send`` while one answer passes.

    Args:
        send: ASGI's.
        settle: Called once, before the last piece goes to the client: an answer that a client has whole is kept.
        max_bytes: A longer answer is not recorded.
    """

    def __init__(self, send: Send, settle: Settle, max_bytes: int = MAX_BYTES) -> None:
        self._send = send
        self._settle = settle
        self._max_bytes = max_bytes
        self._head: Message | None = None
        self._status = 0
        self._headers: Sequence[tuple[str, str]] = ()
        self._file: SpooledTemporaryFile[bytes] | None = SpooledTemporaryFile(IN_MEMORY_BYTES)  # noqa: SIM115 - close()
        self._size_bytes = 0

    async def send(self, message: Message) -> None:
        """Take a message of the app, and pass it on."""
        if message["type"] == "http.response.start":
            self._head, self._status = message, message["status"]
            self._headers = [
                (name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in message["headers"]
            ]
            if int(dict(self._headers).get("content-length", "0")) > self._max_bytes:
                self.close()
            return
        self._record(message.get("body", b""))
        if not message.get("more_body", False):
            is_well = await self._settle(self._answer())
        else:
            is_well = self._file is not None
        if not is_well and self._head is not None:
            MutableHeaders(scope=self._head)[NOT_KEPT_HEADER] = "false"
        await self._send_head()
        await self._send(message)

    def close(self) -> None:
        """Throw away what was recorded."""
        if self._file is not None:
            self._file.close()
            self._file = None

    async def _send_head(self) -> None:
        if self._head is not None:
            head, self._head = self._head, None
            await self._send(head)

    def _record(self, data: bytes) -> None:
        self._size_bytes += len(data)
        if self._size_bytes > self._max_bytes:
            self.close()
        elif self._file is not None:
            self._file.write(data)

    def _answer(self) -> Answer | None:
        if self._file is None:
            return None
        self._file.seek(0)
        return Answer(self._status, kept_headers(self._headers), self._file.read())


def kept_headers(headers: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Those that belong to an answer whenever it is given; times, ids and limits belong to the request."""
    return [
        (name, value)
        for name, value in headers
        if name in _KEPT_HEADERS or (name.startswith("x-") and not name.startswith(_NOT_OF_THE_ANSWER))
    ]


async def replay(answer: Answer, send: Send) -> None:
    """Give a kept answer again."""
    headers = [*answer.headers, ("content-length", str(len(answer.body))), (REPLAYED_HEADER, "true")]
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    await send({"type": "http.response.body", "body": answer.body, "more_body": False})
